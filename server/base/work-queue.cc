#include "server/base/work-queue.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/wire.h"

namespace h5cap {

struct WorkQueue::State {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<kj::Function<void()>> work;
  bool stopping = false;

  void serve() {
    pthread_setname_np(pthread_self(), "opener");
    std::unique_lock lock(mutex);
    for (;;) {
      arrived.wait(lock, [this] { return stopping || !work.empty(); });
      if (stopping) return;
      kj::Maybe<kj::Function<void()>> next = kj::mv(work.front());
      work.pop_front();
      lock.unlock();
      KJ_IF_MAYBE (run, next) {
        (*run)();
      }
      next = nullptr;
      lock.lock();
    }
  }
};

WorkQueue::WorkQueue(unsigned threads) : state_(std::make_shared<State>()) {
  sigset_t everything, before;  // signals are for the event loop's thread
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  for (unsigned i = 0; i < threads; ++i) std::thread([state = state_] { state->serve(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WorkQueue::~WorkQueue() {
  std::deque<kj::Function<void()>> dropped;
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->work);
  }
  state_->arrived.notify_all();
}

void WorkQueue::add(kj::Function<void()> work) {
  {
    std::lock_guard lock(state_->mutex);
    state_->work.push_back(kj::mv(work));
  }
  state_->arrived.notify_one();
}

kj::Exception currentExceptionAsKj() {
  try {
    throw;
  } catch (const kj::Exception& exception) {
    return kj::cp(exception);
  } catch (const std::exception& exception) {
    return wire::toKj(exception);
  } catch (...) {
    return wire::toKj(ErrorCode::failed, "an exception of an unknown kind");
  }
}

}  // namespace h5cap
