// Threads that may be stuck: one export's worth of opens and listings.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <memory>

namespace h5cap {

// Runs work in order of arrival on a few threads that nobody waits for: a thread in a hung mount can be neither stopped
// nor joined, so destroying the queue leaves it behind and drops what has not started.
class WorkQueue {
 public:
  explicit WorkQueue(unsigned threads);
  ~WorkQueue();
  KJ_DISALLOW_COPY(WorkQueue);

  void add(kj::Function<void()> work);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// `work` on a thread of `queue`; its exceptions arrive through wire::toKj.  Work that nobody waits for any more is
// skipped.
template <class T>
kj::Promise<T> runOn(WorkQueue& queue, kj::Function<T()> work);

kj::Exception currentExceptionAsKj();

template <class T>
kj::Promise<T> runOn(WorkQueue& queue, kj::Function<T()> work) {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<T>();
  queue.add([work = kj::mv(work), fulfiller = kj::mv(paf.fulfiller)]() mutable {
    if (!fulfiller->isWaiting()) return;
    try {
      fulfiller->fulfill(work());
    } catch (...) {
      fulfiller->reject(currentExceptionAsKj());
    }
  });
  return kj::mv(paf.promise);
}

}  // namespace h5cap
