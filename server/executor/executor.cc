#include "server/executor/executor.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
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
  std::uint64_t owner = 0;
  State state = State::queued;
  std::atomic<bool> isUnwanted{false};
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
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& [owner, queue] : queues_) {
        for (auto& job : queue) {
          job->state = Job::State::taken;
          dropped.push_back(kj::mv(job->work));
        }
      }
      queues_.clear();
      turns_.clear();
    }
    arrived_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void add(const std::shared_ptr<Job>& job) {
    {
      std::lock_guard lock(mutex_);
      Queue& queue = queues_[job->owner];
      if (queue.empty()) turns_.push_back(job->owner);
      job->place = queue.insert(queue.end(), job);
    }
    arrived_.notify_one();
  }

  void withdraw(Job& job) {
    job.isUnwanted = true;
    kj::Maybe<kj::Function<Outcome()>> work;  // destroyed after the lock is released
    std::lock_guard lock(mutex_);
    if (job.state != Job::State::queued) return;
    job.state = Job::State::taken;
    work = kj::mv(job.work);
    auto queue = queues_.find(job.owner);
    queue->second.erase(job.place);
    if (queue->second.empty()) {
      queues_.erase(queue);
      turns_.remove(job.owner);
    }
  }

 private:
  using Queue = std::list<std::shared_ptr<Job>>;

  std::shared_ptr<Job> take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return stopping_ || !turns_.empty(); });
    if (stopping_) return nullptr;
    std::uint64_t owner = turns_.front();
    turns_.pop_front();
    auto queue = queues_.find(owner);
    auto job = queue->second.front();
    queue->second.pop_front();
    job->state = Job::State::taken;
    if (queue->second.empty()) {
      queues_.erase(queue);
    } else {
      turns_.push_back(owner);
    }
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

  std::mutex mutex_;
  std::condition_variable arrived_;
  bool stopping_ = false;
  std::map<std::uint64_t, Queue> queues_;  // no empty ones
  std::list<std::uint64_t> turns_;         // owners with queued work, next first
  std::vector<std::thread> threads_;
};

Executor::Executor(unsigned threads, std::uint64_t decodeBytes)
    : decoding_(decodeBytes), impl_(std::make_shared<Impl>(threads)) {}

Executor::~Executor() noexcept(false) { impl_->stop(); }

kj::Own<void> Executor::enqueue(std::uint64_t owner, kj::Function<Outcome()> work) {
  auto job = std::make_shared<Job>();
  job->owner = owner;
  job->work = kj::mv(work);
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
