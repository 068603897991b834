// One planner process, and the messages to and from it.
#pragma once

#include <capnp/message.h>
#include <kj/async-io.h>
#include <kj/time.h>
#include <time.h>

#include <cstdint>

#include "server/planner-pool/zygote.h"

namespace h5cap {

class PlannerProcess {
 public:
  PlannerProcess(kj::LowLevelAsyncIoProvider& io, ForkedPlanner forked);
  ~PlannerProcess();  // kills it
  KJ_DISALLOW_COPY(PlannerProcess);

  // Sends a framed question and reads the reply, of at most `mostWords`.  One at a time; dropping the promise leaves
  // the connection useless.  Fails with whatever exception when the process dies or what it sends is too large or no
  // message at all.
  kj::Promise<kj::Own<capnp::MessageReader>> exchange(kj::ArrayPtr<const capnp::word> question,
                                                        std::uint64_t mostWords);

  // Processor time that it has used so far; nothing when it is gone.
  kj::Maybe<kj::Duration> processorTime() const;

  kj::Promise<void> whenGone() { return stream_->whenWriteDisconnected(); }

 private:
  kj::AutoCloseFd process_;
  clockid_t clock_ = 0;
  bool hasClock_;
  kj::Own<kj::AsyncIoStream> stream_;
};

}  // namespace h5cap
