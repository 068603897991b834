#include "server/planner/link-list.h"

#include <algorithm>

#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

herr_t collect(hid_t, const char* name, const H5L_info_t* info, void* names) {
  static_cast<std::vector<LinkName>*>(names)->push_back({name, *info});
  return 0;
}

std::string valueOf(hid_t group, const LinkName& link) {
  std::string value(link.info.u.val_size, '\0');
  if (!value.empty()) {
    check(H5Lget_val(group, link.name.c_str(), value.data(), value.size(), H5P_DEFAULT), "read the value of a link");
  }
  return value;
}

SoftLink softLink(std::string value) {
  value.resize(std::min(value.find('\0'), value.size()));
  return {std::move(value)};
}

ExternalLink externalLink(const std::string& value) {
  unsigned flags = 0;
  const char *file = nullptr, *path = nullptr;
  check(H5Lunpack_elink_val(value.data(), value.size(), &flags, &file, &path), "read an external link");
  return {file, path};
}

}  // namespace

std::vector<LinkName> linkNames(hid_t group) {
  std::vector<LinkName> names;
  hsize_t position = 0;
  check(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names), "list the links");
  std::sort(names.begin(), names.end(), [](const LinkName& a, const LinkName& b) { return a.name < b.name; });
  return names;
}

Link readLink(hid_t group, const LinkName& link) {
  Link result;
  result.name = link.name;
  result.characterSet = link.info.cset == H5T_CSET_UTF8 ? CharacterSet::utf8 : CharacterSet::ascii;
  if (link.info.corder_valid) result.creationOrder = link.info.corder;
  switch (link.info.type) {
    case H5L_TYPE_HARD:
      result.target = HardLink{link.info.u.address, NodeKind::unknown};
      break;
    case H5L_TYPE_SOFT:
      result.target = softLink(valueOf(group, link));
      break;
    case H5L_TYPE_EXTERNAL:
      result.target = externalLink(valueOf(group, link));
      break;
    default:
      result.target = UserDefinedLink{static_cast<std::uint8_t>(link.info.type)};
  }
  return result;
}

std::optional<LinkName> findLink(hid_t group, const std::string& name) {
  if (check(H5Lexists(group, name.c_str(), H5P_DEFAULT), "look for a link") == 0) return std::nullopt;
  LinkName link{name, {}};
  check(H5Lget_info(group, name.c_str(), &link.info, H5P_DEFAULT), "look at a link");
  return link;
}

}  // namespace h5cap::hdf5
