// A mutex that no thread but the forking one holds at the moment of a fork, so that a child never finds one locked by a
// thread that it does not have.  For short sections that wait for nothing: a fork waits for all of them.
#pragma once

#include <mutex>

namespace h5cap::detail {

class ForkSafeMutex {
 public:
  ForkSafeMutex();
  void lock();
  void unlock();

 private:
  std::mutex mutex_;
};

}  // namespace h5cap::detail
