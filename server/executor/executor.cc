#include "server/executor/executor.h"

namespace h5cap {

Executor::Executor(Lanes& lanes, std::uint64_t decodeBytes)
    : decoding_(decodeBytes), lanes_(lanes), computing_(lanes.of({.use = LaneUse::computing})) {}

// Threads that are at work use `decoding_`, and what was there before the executor.
Executor::~Executor() noexcept(false) { lanes_.finish(); }

}  // namespace h5cap
