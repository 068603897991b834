// Forks planners from a process that is ready: libhdf5 open, filters loaded, one thread, no file
// (server/planner-pool/zygote-protocol.h).
#pragma once

namespace h5cap::hdf5 {

// Serves `zygoteDescriptor` until it closes; the exit status.  In a forked planner it returns never.
int runZygote();

}  // namespace h5cap::hdf5
