#include "server/base/work-queue.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <thread>

#include "core/wire.h"
#include "server/base/guarded-value.h"

namespace h5cap {

struct WorkQueue::State {
  using Work = kj::Function<void()>;

  struct Queue {
    std::deque<Work> work;
    bool stopping = false;
  };

  GuardedValue<Queue> queue;
  std::condition_variable arrived;

  // Nothing once they are to stop.
  kj::Maybe<Work> take() {
    auto queue = this->queue.lock();
    queue.wait(arrived, [&] { return queue->stopping || !queue->work.empty(); });
    if (queue->stopping) return nullptr;
    kj::Maybe<Work> first = kj::mv(queue->work.front());
    queue->work.pop_front();
    return first;
  }

  // Takes the next one, runs it and destroys it, until they are to stop.
  void serve() {
    pthread_setname_np(pthread_self(), "opener");
    for (;;) {
      auto next = take();
      if (next == nullptr) return;
      KJ_IF_MAYBE (run, next) {
        (*run)();
      }
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
  std::deque<kj::Function<void()>> dropped;  // destroyed when nothing is locked
  {
    auto queue = state_->queue.lock();
    queue->stopping = true;
    dropped.swap(queue->work);
  }
  state_->arrived.notify_all();
}

void WorkQueue::add(kj::Function<void()> work) {
  state_->queue.lock()->work.push_back(kj::mv(work));
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
