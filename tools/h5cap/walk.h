// The links of a group with what they lead to, asked for side by side.
#pragma once

#include <string>
#include <vector>

#include "h5cap/client.h"

namespace h5cap::cli {

enum class Describe { no, yes };

struct Child {
  Link link;
  std::optional<Node> node;  // of a hard link, when described
  bool isGroup = false;
  std::string kindWord;  // "group", "dataset", "soft", "external", …
  std::string summary;   // shape and type of a dataset, or why there is none; when described
};

// Soft and external links are listed and not followed.  Describing asks for many objects at once; without it, only
// objects whose kind is not known from the listing are asked for.
std::vector<Child> children(const Group& group, Describe describe);

// "(300, 512, 512) uint16 little-endian", "12 links", or the problem.
std::string summary(const NodeInfo& info);

}  // namespace h5cap::cli
