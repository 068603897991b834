// The tree of a file, or the part of it that fits.
#pragma once

#include <chrono>
#include <vector>

#include "h5cap/node.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

struct WalkLimits {
  std::size_t maxBytes = 0;  // on the wire, about
  std::chrono::milliseconds maxTime{0};
};

struct WalkResult {
  std::vector<NodeInfo> nodes;  // the root first, breadth first, each object once
  bool truncated = false;
};

// Follows hard links only.  The root is always there, without links and attributes if need be.
WalkResult walk(const OpenFile& file, const WalkLimits& limits);

}  // namespace h5cap::hdf5
