#include "client/src/rpc/loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <kj/debug.h>

namespace h5cap::detail {

namespace {

// How many events run before new input is looked for: without it a small call waits behind a bulk read.
constexpr unsigned BUSY_POLL_INTERVAL = 128;
constexpr std::chrono::seconds PARKING_TIME{2};

std::atomic<Loop*> current{nullptr};

}  // namespace

std::shared_ptr<Turn> Loop::replacing(const std::string& endpoint) {
  auto locked = pool.lock();
  auto& found = locked->replacing[endpoint];
  if (!found) found = std::make_shared<Turn>();
  return found;
}

Loop& Loop::instance() {
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
    auto work = work_.lock();
    if (!work->isStopping) {
      wake = work->tasks.empty();
      work->tasks.push_back(std::move(task));
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
      auto work = work_.lock();
      if (work->tasks.empty()) return;
      task = std::move(work->tasks.front());
    }
    KJ_IF_MAYBE (problem, kj::runCatchingExceptions([&] { task(); })) {
      KJ_LOG(ERROR, "task of the event loop", *problem);
    }
    task = nullptr;
    work_.lock()->tasks.pop_front();  // only now: a post in between need not wake a loop that is looking
  }
}

kj::Promise<void> Loop::waitForTasks(kj::AsyncInputStream& wake) {
  return wake.read(&wakeBuffer_, sizeof(wakeBuffer_)).then([this, &wake]() -> kj::Promise<void> {
    runTasks();
    if (work_.lock()->isStopping) return kj::READY_NOW;
    return waitForTasks(wake);
  });
}

void Loop::run() {
  io_ = new kj::AsyncIoContext(kj::setupAsyncIo());
  io_->waitScope.setBusyPollInterval(BUSY_POLL_INTERVAL);
  auto wake = io_->lowLevelProvider->wrapInputFd(
      wakeFd_, kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC | kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK);
  waitForTasks(*wake).wait(io_->waitScope);
  work_.lock()->isParked = true;
  for (;;) pause();
}

void Loop::stop() {
  work_.lock()->isStopping = true;
  std::uint64_t one = 1;
  if (write(wakeFd_, &one, sizeof(one)) < 0) return;
  auto deadline = std::chrono::steady_clock::now() + PARKING_TIME;
  while (std::chrono::steady_clock::now() < deadline) {
    if (work_.lock()->isParked) return;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace h5cap::detail
