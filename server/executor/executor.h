// Threads that carry plans out: they read with pread, decode and pack, and never touch libhdf5.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <cstdint>

namespace h5cap {

// A fixed set of threads with a queue that is fair between owners: work of one owner waits behind its own.
class Executor {
 public:
  explicit Executor(unsigned threads);
  ~Executor() noexcept(false);  // waits for work that has started, drops the rest
  KJ_DISALLOW_COPY(Executor);

  // Runs `work` on a thread and resolves on the calling event loop.  Whatever it throws arrives through wire::toKj.  Dropping
  // the promise before the work has started removes it from the queue; afterwards waits for it to end, since it may refer to
  // memory of the caller's.
  template <class T>
  kj::Promise<T> run(std::uint64_t owner, kj::Function<T()> work);

 private:
  class Impl;
  kj::Own<Impl> impl_;
  // enqueue(), and the definition of run(), stand in executor-inl.h or below: the implementer's choice.
};

}  // namespace h5cap
