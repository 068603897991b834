// Planning for one version of one file, seen from the front.
//
// Everything here belongs to the event loop's thread, but for an answer: any thread may read it, one at a time, and
// destroy it.
#pragma once

#include <h5cap/planner.capnp.h>
#include <kj/async.h>
#include <kj/function.h>
#include <kj/refcount.h>

namespace h5cap {

// A reply, with the memory that it stands in.  Never holds an error: those are thrown.
class PlannerAnswer {
 public:
  virtual ~PlannerAnswer() noexcept(false) = default;
  virtual rpc::PlannerReply::Reader reply() = 0;
};

// Processes come and go behind it: one is forked when the first question is asked, killed when it has been idle or is
// in the way of another, and replaced when it dies.
class Planner : public kj::Refcounted {
 public:
  // Asks one question.  Questions queue and are answered in turn.  A planner that dies or exceeds its time while it
  // works on a question is replaced, and the question asked once more; the second time it fails with FileError
  // (fileProblem, or deadline), and the same question is refused for a while.  One that uses up its processor time
  // would do so again: it fails with fileProblem the first time.  Other questions notice nothing.  Errors that the
  // planner reports come as the exceptions they name (wire::toKj). Dropping the promise withdraws the question.
  virtual kj::Promise<kj::Own<PlannerAnswer>> ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) = 0;
};

}  // namespace h5cap
