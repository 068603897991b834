#include "server/base/descriptor-plan.h"

#include <sys/resource.h>

#include <algorithm>

namespace h5cap {

namespace {

constexpr std::uint64_t MOST_COUNTED = 1 << 30;  // for systems that allow any number
constexpr std::uint64_t MOST_FILES = 1 << 16;    // idle ones are closed and opened again at little cost
constexpr std::uint64_t MOST_PLANNERS = 32;
constexpr std::uint64_t PER_PLANNER = 2;  // its socket, and the process
constexpr std::uint64_t PASSING = 16;     // held for a moment: by opens and listings on their threads, and by the log

}  // namespace

DescriptorPlan descriptorPlan(std::uint64_t limit) {
  limit = std::min(limit, MOST_COUNTED);
  const std::uint64_t files = std::clamp<std::uint64_t>(limit / 4, 8, MOST_FILES);
  const std::uint64_t planners = std::clamp<std::uint64_t>(limit / 16, 2, MOST_PLANNERS);
  const std::uint64_t others = files + PER_PLANNER * planners + PASSING;
  return {files, static_cast<unsigned>(planners), limit > others ? limit - others : 0};
}

DescriptorPlan descriptorPlan() {
  rlimit files{};
  return descriptorPlan(getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : MOST_COUNTED);
}

}  // namespace h5cap
