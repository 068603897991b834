#include "server/executor/executor.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <thread>
#include <vector>

#include "core/wire.h"
#include "server/base/guarded-value.h"

namespace h5cap {

namespace {

thread_local const std::atomic<bool>* ourWorkIsUnwanted = nullptr;

}  // namespace

void checkWanted() {
  if (ourWorkIsUnwanted != nullptr && *ourWorkIsUnwanted) throw Failed("nobody waits for this work any longer");
}

namespace {

// Queues that take turns.
template <class Key, class Queue>
class Turns {
 public:
  bool empty() const { return turns_.empty(); }

  Queue& of(Key key) {
    const auto [place, isNew] = queues_.try_emplace(key);
    if (isNew) turns_.push_back(key);
    return place->second;
  }

  // Calls `visit` with the queue whose turn it is.  Not when there is none.
  template <class Visit>
  auto next(Visit&& visit) {
    const Key key = turns_.front();
    auto place = queues_.find(key);
    auto result = visit(place->second);
    turns_.pop_front();
    if (place->second.empty())
      queues_.erase(place);
    else
      turns_.push_back(key);
    return result;
  }

  // To be called when something was taken out of a queue.
  void forgetIfEmpty(Key key) {
    auto place = queues_.find(key);
    if (!place->second.empty()) return;
    queues_.erase(place);
    turns_.remove(key);
  }

  template <class Visit>
  void forEach(Visit&& visit) {
    for (auto& [key, queue] : queues_) visit(queue);
  }

  void clear() {
    queues_.clear();
    turns_.clear();
  }

 private:
  std::map<Key, Queue> queues_;  // no empty ones
  std::list<Key> turns_;         // next first
};

}  // namespace

class Executor::Job {
 public:
  enum class State { queued, taken };
  Job(WorkOwner owner, kj::Function<Outcome()> work) : owner(owner), work(kj::mv(work)) {}

  const WorkOwner owner;
  std::atomic<bool> isUnwanted{false};

  // Under the lock of the queues until it is taken, then of who took it.
  State state = State::queued;
  kj::Maybe<kj::Function<Outcome()>> work;
  std::list<std::shared_ptr<Job>>::iterator place;  // while queued
};

class Executor::Impl {
 public:
  explicit Impl(unsigned count) {
    // Signals belong to the event loop's thread: these threads inherit a mask that blocks all of them.
    sigset_t everything, before;
    sigfillset(&everything);
    pthread_sigmask(SIG_SETMASK, &everything, &before);
    for (unsigned i = 0; i < std::max(count, 1u); ++i) threads_.emplace_back([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  // Ends the threads.  Promises that are left may still withdraw their work, to no effect.
  void stop() {
    std::list<kj::Maybe<kj::Function<Outcome()>>> dropped;  // destroyed last: that rejects their promises
    {
      auto queues = queues_.lock();
      queues->stopping = true;
      queues->waiting.forEach([&](OfPrincipal& ofPrincipal) {
        ofPrincipal.forEach([&](Queue& queue) {
          for (auto& job : queue) {
            job->state = Job::State::taken;
            dropped.push_back(kj::mv(job->work));
          }
        });
      });
      queues->waiting.clear();
    }
    arrived_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void add(const std::shared_ptr<Job>& job) {
    {
      auto queues = queues_.lock();
      Queue& queue = queues->waiting.of(job->owner.principal).of(job->owner.connection);
      job->place = queue.insert(queue.end(), job);
    }
    arrived_.notify_one();
  }

  void withdraw(Job& job) {
    job.isUnwanted = true;
    kj::Maybe<kj::Function<Outcome()>> work;  // destroyed after the lock is released
    auto queues = queues_.lock();
    if (job.state != Job::State::queued) return;
    job.state = Job::State::taken;
    work = kj::mv(job.work);
    OfPrincipal& ofPrincipal = queues->waiting.of(job.owner.principal);
    ofPrincipal.of(job.owner.connection).erase(job.place);
    ofPrincipal.forgetIfEmpty(job.owner.connection);
    queues->waiting.forgetIfEmpty(job.owner.principal);
  }

 private:
  using Queue = std::list<std::shared_ptr<Job>>;

  using OfPrincipal = Turns<std::uint64_t, Queue>;  // by connection

  struct Queues {
    bool stopping = false;
    Turns<PrincipalId, OfPrincipal> waiting;
  };

  // Nothing once they are to stop.
  std::shared_ptr<Job> take() {
    auto queues = queues_.lock();
    queues.wait(arrived_, [&] { return queues->stopping || !queues->waiting.empty(); });
    if (queues->stopping) return nullptr;
    auto job = queues->waiting.next([](OfPrincipal& ofPrincipal) {
      return ofPrincipal.next([](Queue& queue) {
        auto first = queue.front();
        queue.pop_front();
        return first;
      });
    });
    job->state = Job::State::taken;
    return job;
  }

  void serve() {
    pthread_setname_np(pthread_self(), "executor");
    while (auto job = take()) {
      kj::Maybe<Outcome> outcome;
      ourWorkIsUnwanted = &job->isUnwanted;
      KJ_IF_MAYBE (work, job->work) {
        outcome = (*work)();
      }
      ourWorkIsUnwanted = nullptr;
      job->work = nullptr;
      KJ_IF_MAYBE (tell, outcome) {
        (*tell)();
      }
    }
  }

  GuardedValue<Queues> queues_;
  std::condition_variable arrived_;
  std::vector<std::thread> threads_;
};

Executor::Executor(unsigned threads, std::uint64_t decodeBytes)
    : decoding_(decodeBytes), impl_(std::make_shared<Impl>(threads)) {}

Executor::~Executor() noexcept(false) { impl_->stop(); }

kj::Own<void> Executor::enqueue(WorkOwner owner, kj::Function<Outcome()> work) {
  auto job = std::make_shared<Job>(owner, kj::mv(work));
  impl_->add(job);
  return kj::heap(kj::defer([impl = impl_, job] { impl->withdraw(*job); }));
}

kj::Exception Executor::asKj(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const kj::Exception& exception) {
    return kj::cp(exception);
  } catch (const std::exception& exception) {
    return wire::toKj(exception);
  } catch (...) {
    return wire::toKj(ErrorCode::failed, "an executor met an exception of an unknown kind");
  }
}

}  // namespace h5cap
