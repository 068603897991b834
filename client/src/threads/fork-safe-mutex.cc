#include "client/src/threads/fork-safe-mutex.h"

#include <pthread.h>

namespace h5cap::detail {

namespace {

// Read-locked by whoever holds a ForkSafeMutex, write-locked while the process forks.  Readers come first, so that
// holding two is no deadlock.
pthread_rwlock_t forkGate = PTHREAD_RWLOCK_INITIALIZER;

void watchForks() {
  pthread_atfork([] { pthread_rwlock_wrlock(&forkGate); }, [] { pthread_rwlock_unlock(&forkGate); },
                 [] { forkGate = PTHREAD_RWLOCK_INITIALIZER; });
}

}  // namespace

ForkSafeMutex::ForkSafeMutex() {
  static std::once_flag once;
  std::call_once(once, watchForks);
}

void ForkSafeMutex::lock() {
  pthread_rwlock_rdlock(&forkGate);
  mutex_.lock();
}

void ForkSafeMutex::unlock() {
  mutex_.unlock();
  pthread_rwlock_unlock(&forkGate);
}

}  // namespace h5cap::detail
