#include "client/src/rpc/loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <thread>

#include <kj/debug.h>

namespace h5cap::detail {

namespace {

// How many events run before new input is looked for: without it a small call waits behind a bulk read.
constexpr unsigned BUSY_POLL_INTERVAL = 128;
constexpr std::chrono::seconds PARKING_TIME{2};

std::atomic<Loop*> current{nullptr};

// Read-locked by whoever holds a ForkSafeMutex, write-locked while the process forks.  Readers come first, so that holding two
// is no deadlock.
pthread_rwlock_t forkGate = PTHREAD_RWLOCK_INITIALIZER;

void watchForks() {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork([] { pthread_rwlock_wrlock(&forkGate); }, [] { pthread_rwlock_unlock(&forkGate); },
                   [] { forkGate = PTHREAD_RWLOCK_INITIALIZER; });
  });
}

}  // namespace

void ForkSafeMutex::lock() {
  pthread_rwlock_rdlock(&forkGate);
  mutex_.lock();
}

void ForkSafeMutex::unlock() {
  mutex_.unlock();
  pthread_rwlock_unlock(&forkGate);
}

std::shared_ptr<std::timed_mutex> Loop::replacing(const std::string& endpoint) {
  std::lock_guard lock(poolMutex);
  auto& found = replacing_[endpoint];
  if (!found) found = std::make_shared<std::timed_mutex>();
  return found;
}

Loop& Loop::instance() {
  watchForks();
  Loop* loop = current.load(std::memory_order_acquire);
  while (loop == nullptr || !loop->isOurs()) {
    // Threads may race here; the loser's loop never started its thread.
    auto* fresh = new Loop();
    if (current.compare_exchange_strong(loop, fresh)) {
      // All signals belong to the program's own threads.
      sigset_t everything, before;
      sigfillset(&everything);
      pthread_sigmask(SIG_SETMASK, &everything, &before);
      std::thread([fresh] { fresh->run(); }).detach();
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      std::atexit([] {
        if (Loop* last = current.load(); last->isOurs()) last->stop();
      });
      return *fresh;
    }
    close(fresh->wakeFd_);
    delete fresh;
  }
  return *loop;
}

Loop::Loop() : pid_(getpid()), wakeFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  KJ_REQUIRE(wakeFd_ >= 0, "no descriptor for the event loop");
}

bool Loop::isOurs() const { return pid_ == getpid(); }

kj::LowLevelAsyncIoProvider& Loop::io() { return *io_->lowLevelProvider; }
kj::Timer& Loop::timer() { return io_->provider->getTimer(); }

void Loop::post(std::function<void()> task) {
  bool wake = false;
  if (isOurs()) {
    std::lock_guard lock(mutex_);
    if (!stopping_) {
      wake = tasks_.empty();
      tasks_.push_back(std::move(task));
      task = nullptr;
    }
  }
  if (task) {
    new std::function<void()>(std::move(task));  // forgotten on purpose
    return;
  }
  std::uint64_t one = 1;
  if (wake && write(wakeFd_, &one, sizeof(one)) < 0) return;  // full: the loop is awake anyway
}

void Loop::runTasks() {
  for (;;) {
    std::function<void()> task;
    {
      std::lock_guard lock(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
    }
    KJ_IF_MAYBE(problem, kj::runCatchingExceptions([&] { task(); })) { KJ_LOG(ERROR, "task of the event loop", *problem); }
    task = nullptr;
    std::lock_guard lock(mutex_);
    tasks_.pop_front();  // only now: a post in between need not wake a loop that is looking
  }
}

kj::Promise<void> Loop::waitForTasks(kj::AsyncInputStream& wake) {
  return wake.read(&wakeBuffer_, sizeof(wakeBuffer_)).then([this, &wake]() -> kj::Promise<void> {
    runTasks();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return kj::READY_NOW;
    }
    return waitForTasks(wake);
  });
}

void Loop::run() {
  io_ = new kj::AsyncIoContext(kj::setupAsyncIo());
  io_->waitScope.setBusyPollInterval(BUSY_POLL_INTERVAL);
  auto wake = io_->lowLevelProvider->wrapInputFd(
      wakeFd_, kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC | kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK);
  waitForTasks(*wake).wait(io_->waitScope);
  {
    std::lock_guard lock(mutex_);
    parked_ = true;
  }
  for (;;) pause();
}

void Loop::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  std::uint64_t one = 1;
  if (write(wakeFd_, &one, sizeof(one)) < 0) return;
  auto deadline = std::chrono::steady_clock::now() + PARKING_TIME;
  while (std::chrono::steady_clock::now() < deadline) {
    {
      std::lock_guard lock(mutex_);
      if (parked_) return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace h5cap::detail
