// What threads do for an event loop: whose turn it is, whether it is still wanted, and how it ended.
#pragma once

#include <kj/exception.h>
#include <kj/function.h>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>

#include "server/base/principal.h"

namespace h5cap {

// Whose turn work is.
struct WorkOwner {
  PrincipalId principal{};
  std::uint64_t connection = 0;
};

// Whether it takes a moment, or as long as it takes.
enum class WorkSize { small, usual };

// For work that takes long, every now and then: throws Failed when the promise of what this thread runs has been
// dropped.  Not where others wait for a part of the work.  Does nothing outside of the threads of lanes.
void checkWanted();

// What is being handled, as it arrives at the event loop: through wire::toKj.  Within a catch block.
kj::Exception currentExceptionAsKj();

// One piece of work, for one thread.
struct Work {
  using Outcome = kj::Function<void()>;  // tells the event loop how the work ended
  using Body = kj::Function<Outcome()>;

  Work(WorkOwner owner, WorkSize size, Body body) : owner(owner), size(size), body(kj::mv(body)) {}

  // Runs and destroys the body, then tells.
  void run();

  const WorkOwner owner;
  const WorkSize size;
  std::atomic<bool> isUnwanted{false};

  // Under the lock of the queue until a thread takes it, then that thread's.
  enum class State { queued, taken } state = State::queued;
  kj::Maybe<Body> body;
  std::list<std::shared_ptr<Work>>::iterator place;  // while queued
  std::chrono::steady_clock::time_point began;       // from when it is taken
};

}  // namespace h5cap
