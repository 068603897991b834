// What a pool of planners may take, and for how long.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace h5cap {

struct PlannerPoolOptions {
  // Behaviour.
  std::string executable;                          // h5cap-planner
  std::chrono::milliseconds questionTime{30'000};  // wall clock, a question; slow storage included
  std::chrono::milliseconds processorTime{8'000};  // a question; a quarter of it a snapshot
  std::chrono::seconds quarantine{60};             // how long a question that killed twice is refused
  std::uint64_t memoryBytes = 1ull << 30;          // address space beyond the zygote's, a planner

  // Performance.
  unsigned maxProcesses = 32;  // live planners; the one idle longest makes room
  std::chrono::seconds idleTime{60};
};

}  // namespace h5cap
