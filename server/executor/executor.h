// Threads that carry plans out: they read with pread, decode and pack, and never touch libhdf5.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>

#include "server/base/principal.h"
#include "server/executor/decode-budget.h"

namespace h5cap {

// For work that takes long, every now and then: throws Failed when the promise of what this thread runs has been
// dropped.  Not where others wait for a part of the work.  Does nothing outside of executor threads.
void checkWanted();

// Whose turn work is.
struct WorkOwner {
  PrincipalId principal{};
  std::uint64_t connection = 0;
};

// A fixed set of threads with a queue that is fair between principals, and between the connections of each: work of one
// waits behind its own.  Safe from all threads.
class Executor {
 public:
  explicit Executor(unsigned threads, std::uint64_t decodeBytes = 512 << 20);
  ~Executor() noexcept(false);  // waits for work that has started, drops the rest
  KJ_DISALLOW_COPY(Executor);

  // For what the threads decode.
  DecodeBudget& decoding() { return decoding_; }

  // Runs `work` on a thread and resolves on the calling event loop.  Whatever it throws arrives through wire::toKj.
  // `owner` is whoever calls.
  //
  // Work owns what it uses: it may outlive the promise.  Dropping the promise before the work has started removes it
  // from the queue; afterwards the work runs to its end, or to where it asks whether it is wanted, and its result is
  // dropped.  The work and what it owns are destroyed on the thread that ran it, before the promise resolves, or on the
  // calling thread when it is withdrawn.
  template <class T>
  kj::Promise<T> run(WorkOwner owner, kj::Function<T()> work);

 private:
  class Impl;
  class Job;
  using Outcome = kj::Function<void()>;  // tells the event loop how the work ended

  kj::Own<void> enqueue(WorkOwner owner, kj::Function<Outcome()> work);  // dropping the result withdraws the work
  static kj::Exception asKj(std::exception_ptr error);

  DecodeBudget decoding_;
  std::shared_ptr<Impl> impl_;  // promises may outlive the executor
};

template <class T>
kj::Promise<T> Executor::run(WorkOwner owner, kj::Function<T()> work) {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<T>();
  auto job = [work = kj::mv(work), fulfiller = kj::mv(paf.fulfiller)]() mutable -> Outcome {
    try {
      if constexpr (std::is_void_v<T>) {
        work();
        return [fulfiller = kj::mv(fulfiller)]() mutable { fulfiller->fulfill(); };
      } else {
        return [value = work(), fulfiller = kj::mv(fulfiller)]() mutable { fulfiller->fulfill(kj::mv(value)); };
      }
    } catch (...) {
      return [error = asKj(std::current_exception()), fulfiller = kj::mv(fulfiller)]() mutable {
        fulfiller->reject(kj::mv(error));
      };
    }
  };
  return paf.promise.attach(enqueue(owner, kj::mv(job)));
}

}  // namespace h5cap
