// Planners, seen from the front: processes that run libhdf5 on one version of one file each.
//
// Everything here belongs to the event loop's thread.
#pragma once

#include <capnp/message.h>
#include <h5cap/planner.capnp.h>
#include <kj/async-io.h>
#include <kj/function.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "server/base/shared-file.h"

namespace h5cap {

// A reply, with the memory that it stands in.  Never holds an error: those are thrown.
class PlannerAnswer {
 public:
  virtual ~PlannerAnswer() noexcept(false) = default;
  virtual rpc::PlannerReply::Reader reply() = 0;
};

// Planning for one version of one file.  Processes come and go behind it: one is forked when the first question is
// asked, killed when it has been idle or is in the way of another, and replaced when it dies.
class Planner : public kj::Refcounted {
 public:
  // Asks one question.  Questions queue and are answered in turn.  A planner that dies or exceeds its time while it
  // works on a question is replaced, and the question asked once more; the second time it fails with FileError
  // (fileProblem, or deadline), and the same question is refused for a while.  One that uses up its processor time
  // would do so again: it fails with fileProblem the first time.  Other questions notice nothing.  Errors that the
  // planner reports come as the exceptions they name (wire::toKj). Dropping the promise withdraws the question.
  virtual kj::Promise<kj::Own<PlannerAnswer>> ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) = 0;
};

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

class PlannerPool {
 public:
  virtual ~PlannerPool() noexcept(false) = default;

  // A planner for a file.  Starts nothing yet.  `state` tells this state of the file from all others, for the
  // quarantine.
  virtual kj::Own<Planner> planner(kj::Own<const SharedFile> file, std::string state) = 0;

  // libhdf5's version in the planners, "1.10.8".  Known once the zygote has said hello.
  virtual kj::Promise<std::string> libraryVersion() = 0;

  virtual unsigned processCount() const = 0;  // live planners
};

// Starts the zygote.  Throws when the executable cannot be run.
kj::Own<PlannerPool> makePlannerPool(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options);

}  // namespace h5cap
