// What a planner may do once it has its two descriptors: compute, allocate, read them, answer.
#pragma once

#include <cstdint>

namespace h5cap::hdf5 {

// From here on this process can open, create, connect, fork and execute nothing, and has at most `memoryBytes` of
// address space more than now.  Call with one thread.  Throws Failed when the kernel refuses.
void enterSandbox(std::uint64_t memoryBytes);

}  // namespace h5cap::hdf5
