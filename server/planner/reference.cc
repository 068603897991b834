#include "server/planner/reference.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "server/planner/any-reference.h"
#include "server/planner/dataspace.h"
#include "server/planner/describe.h"
#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

std::string pathOf(const OpenFile& file, H5R_type_t type, const void* token) {
  ssize_t size = H5Rget_name(file.id(), type, token, nullptr, 0);
  if (size <= 0) return {};
  std::string path(static_cast<std::size_t>(size) + 1, '\0');
  size = H5Rget_name(file.id(), type, token, path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path;
}

Referenced targetOf(const OpenFile& file, H5R_type_t type, const void* bytes) {
  Handle object(H5Rdereference2(file.id(), H5P_DEFAULT, type, bytes));
  if (!object) throw NotFound("the reference names no object of this file");
  Referenced result;
  H5O_info_t info;
  check(H5Oget_info2(object.get(), &info, H5O_INFO_BASIC), "look at what a reference names");
  result.target = describeNode(file, info.addr, Detail::full);
  result.path = pathOf(file, type, bytes);
  return result;
}

Referenced dereferenceAny(const OpenFile& file, const ReferenceToken& token) {
  if (!token.file.empty()) throw Unimplemented("a reference into another file: " + token.file);
  const hobj_ref_t address = token.address;
  Referenced result = targetOf(file, H5R_OBJECT, &address);
  if (token.kind == ReferenceToken::Kind::region) {
    if (!token.region) throw Unimplemented("what the region reference selects of " + result.path);
    result.stored = *token.region;
  }
  return result;
}

}  // namespace

Referenced dereference(const OpenFile& file, std::span<const std::byte> token) {
  if (isReferenceToken(token)) return dereferenceAny(file, readToken(token));
  H5R_type_t type = H5R_OBJECT;
  if (token.size() == sizeof(hdset_reg_ref_t)) {
    type = H5R_DATASET_REGION;
  } else if (token.size() != sizeof(hobj_ref_t)) {
    throw BadType("a reference of " + std::to_string(token.size()) + " bytes; HDF5's have 8 or 12");
  }
  if (std::all_of(token.begin(), token.end(), [](std::byte b) { return b == std::byte{0}; })) {
    throw NotFound("a null reference names no object");
  }
  alignas(hobj_ref_t) std::byte bytes[sizeof(hdset_reg_ref_t)];
  std::copy(token.begin(), token.end(), bytes);

  Referenced result = targetOf(file, type, bytes);
  if (type == H5R_DATASET_REGION) {
    Handle space = own(H5Rget_region(file.id(), type, bytes), "read the region of a reference");
    result.stored = readSelection(space.get());
  }
  return result;
}

}  // namespace h5cap::hdf5
