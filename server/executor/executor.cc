#include "server/executor/executor.h"

#include <kj/mutex.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <semaphore>
#include <thread>
#include <vector>

#include "core/wire.h"

namespace h5cap {

namespace {

thread_local const std::atomic<bool>* ourWorkIsUnwanted = nullptr;

}  // namespace

void checkWanted() {
  if (ourWorkIsUnwanted != nullptr && *ourWorkIsUnwanted) throw Failed("nobody waits for this work any longer");
}

class Executor::Job {
 public:
  enum class State { queued, taken };
  Job(PrincipalId owner, kj::Function<Outcome()> work) : owner(owner), work(kj::mv(work)) {}

  const PrincipalId owner;
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
      auto queues = queues_.lockExclusive();
      queues->stopping = true;
      for (auto& [owner, queue] : queues->ofOwner) {
        for (auto& job : queue) {
          job->state = Job::State::taken;
          dropped.push_back(kj::mv(job->work));
        }
      }
      queues->ofOwner.clear();
      queues->turns.clear();
    }
    arrived_.release(static_cast<std::ptrdiff_t>(threads_.size()));
    for (auto& thread : threads_) thread.join();
  }

  void add(const std::shared_ptr<Job>& job) {
    {
      auto queues = queues_.lockExclusive();
      Queue& queue = queues->ofOwner[job->owner];
      if (queue.empty()) queues->turns.push_back(job->owner);
      job->place = queue.insert(queue.end(), job);
    }
    arrived_.release();
  }

  void withdraw(Job& job) {
    job.isUnwanted = true;
    kj::Maybe<kj::Function<Outcome()>> work;  // destroyed after the lock is released
    auto queues = queues_.lockExclusive();
    if (job.state != Job::State::queued) return;
    job.state = Job::State::taken;
    work = kj::mv(job.work);
    auto queue = queues->ofOwner.find(job.owner);
    queue->second.erase(job.place);
    if (queue->second.empty()) {
      queues->ofOwner.erase(queue);
      queues->turns.remove(job.owner);
    }
  }

 private:
  using Queue = std::list<std::shared_ptr<Job>>;

  struct Queues {
    bool stopping = false;
    std::map<PrincipalId, Queue> ofOwner;  // no empty ones
    std::list<PrincipalId> turns;          // owners with queued work, next first
  };

  // Nothing once they are to stop.
  std::shared_ptr<Job> take() {
    for (;;) {
      arrived_.acquire();
      auto queues = queues_.lockExclusive();
      if (queues->stopping) return nullptr;
      if (queues->turns.empty()) continue;  // what arrived was withdrawn
      const PrincipalId owner = queues->turns.front();
      queues->turns.pop_front();
      auto queue = queues->ofOwner.find(owner);
      auto job = queue->second.front();
      queue->second.pop_front();
      job->state = Job::State::taken;
      if (queue->second.empty())
        queues->ofOwner.erase(queue);
      else
        queues->turns.push_back(owner);
      return job;
    }
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

  // KJ's own way to wait for a condition hands the lock to the thread that it wakes, and whoever adds next would wait for it.
  std::counting_semaphore<> arrived_{0};
  kj::MutexGuarded<Queues> queues_;
  std::vector<std::thread> threads_;
};

Executor::Executor(unsigned threads, std::uint64_t decodeBytes)
    : decoding_(decodeBytes), impl_(std::make_shared<Impl>(threads)) {}

Executor::~Executor() noexcept(false) { impl_->stop(); }

kj::Own<void> Executor::enqueue(PrincipalId owner, kj::Function<Outcome()> work) {
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
