// How the front talks to the zygote, which forks planners; included by both.
//
// The zygote is `h5cap-planner --zygote`, started with a SOCK_SEQPACKET socket as descriptor 3.  It has one thread,
// libhdf5 and every filter plugin loaded, and no file open.  It says hello with one `ZygoteHello` packet.  Then, for
// every packet `ForkRequest` that carries two descriptors (SCM_RIGHTS: the file, read-only, and one end of a
// SOCK_STREAM pair), it forks a planner that serves PlannerRequest messages (Cap'n Proto's standard framing) on the
// latter, and answers `ForkReply` with a pidfd of the planner as its descriptor.  It exits when the socket closes;
// planners exit when theirs does, and with the zygote.
#pragma once

#include <cstdint>

namespace h5cap {

inline constexpr int zygoteDescriptor = 3;

struct ZygoteHello {
  char libraryVersion[32];  // terminated
};

struct ForkRequest {
  std::uint64_t memoryBytes;
};

struct ForkReply {
  std::int32_t error;  // errno of the fork, or zero
  std::int32_t process;  // the planner's process id, in the zygote's namespace, which is the front's
};

}  // namespace h5cap
