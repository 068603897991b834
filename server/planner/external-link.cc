#include "server/planner/external-link.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>

#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

hid_t refuse(const char*, hid_t, const void*, size_t, hid_t, hid_t) {
  H5Epush2(H5E_DEFAULT, __FILE__, "refuse", __LINE__, H5E_ERR_CLS, H5E_LINK, H5E_TRAVERSE,
           "external links are not followed here");
  return H5I_INVALID_HID;
}

ssize_t copyValue(const char*, const void* value, size_t size, void* buffer, size_t bufferSize) {
  if (buffer != nullptr) std::memcpy(buffer, value, std::min(size, bufferSize));
  return static_cast<ssize_t>(size);
}

}  // namespace

void forbidExternalTraversal() {
  H5L_class_t links{};
  links.version = H5L_LINK_CLASS_T_VERS;
  links.id = H5L_TYPE_EXTERNAL;
  links.comment = "external, not followed";
  links.trav_func = refuse;
  links.query_func = copyValue;
  check(H5Lregister(&links), "register external links");
}

}  // namespace h5cap::hdf5
