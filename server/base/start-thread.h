// Threads that leave signals to the event loop's.
#pragma once

#include <kj/common.h>
#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace h5cap {

// Runs `serve` on a thread that nobody joins.  Signals belong to the event loop's thread: a new one inherits a mask
// that blocks all of them.  Throws std::system_error.
template <class Serve>
void startThread(Serve&& serve) {
  sigset_t everything, before;
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  KJ_DEFER(pthread_sigmask(SIG_SETMASK, &before, nullptr));
  std::thread(std::forward<Serve>(serve)).detach();
}

}  // namespace h5cap
