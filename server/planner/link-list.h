// The links of one group, and single links.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

struct LinkName {
  std::string name;
  H5L_info_t info;
};

// All names with what the listing itself tells, bytewise in order.
std::vector<LinkName> linkNames(hid_t group);

// The link's value included: one more lookup for a soft or external link.
Link readLink(hid_t group, const LinkName& link);

// Nothing when there is no such name.  The name has no slash.
std::optional<LinkName> findLink(hid_t group, const std::string& name);

}  // namespace h5cap::hdf5
