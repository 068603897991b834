// Threads that carry plans out: they read with pread, decode and pack, and never touch libhdf5.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <cstdint>

#include "server/base/lane.h"
#include "server/executor/decode-budget.h"

namespace h5cap {

// Safe from all threads.
class Executor {
 public:
  // `lanes` outlives it.
  explicit Executor(Lanes& lanes, std::uint64_t decodeBytes = 512 << 20);
  ~Executor() noexcept(false);  // Lanes::finish
  KJ_DISALLOW_COPY(Executor);

  // For what the threads decode.
  DecodeBudget& decoding() { return decoding_; }

  // Runs `work`, which may touch the files of one lane: Lane::run.
  template <class T>
  kj::Promise<T> run(const Lane& lane, WorkOwner owner, kj::Function<T()> work, WorkSize size = WorkSize::usual) {
    return lane.run<T>(owner, kj::mv(work), size);
  }

  // Runs `work` that touches no file.
  template <class T>
  kj::Promise<T> run(WorkOwner owner, kj::Function<T()> work) {
    return computing_.run<T>(owner, kj::mv(work));
  }

 private:
  DecodeBudget decoding_;
  Lanes& lanes_;
  const Lane computing_;
};

}  // namespace h5cap
