// Freed memory given back to the system.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

namespace h5cap {

// The allocator keeps what is freed in the middle of its heap.  Giving it back takes milliseconds, so it is done once
// for all connections that end at about the same time.
class Trimming {
 public:
  explicit Trimming(kj::Timer& timer) : timer_(timer) {}
  KJ_DISALLOW_COPY(Trimming);

  // After a connection has ended that had taken much.
  void soon();

 private:
  kj::Timer& timer_;
  bool isDue_ = false;
  kj::Promise<void> trimming_ = nullptr;
};

}  // namespace h5cap
