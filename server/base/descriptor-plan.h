// Who may have how many of the descriptors that the system allows this process.
//
// Whoever is served needs them for a connection, for files, and for planners: no kind may take what the others live on.
#pragma once

#include <cstdint>

namespace h5cap {

struct DescriptorPlan {
  std::uint64_t files;        // open files of all principals
  unsigned planners;          // processes, which take two each
  // the highest number that a connection's descriptor may have: the lowest free one is given out
  std::uint64_t connections;
};

// For a process that may have `limit` of them.
DescriptorPlan descriptorPlan(std::uint64_t limit);

// For this process, as it is allowed now.
DescriptorPlan descriptorPlan();

}  // namespace h5cap
