// The running zygote, restarted when it dies.
#pragma once

#include <kj/async-io.h>
#include <kj/io.h>
#include <kj/refcount.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>

namespace h5cap {

struct ForkedPlanner {
  kj::AutoCloseFd socket;   // where it is asked
  kj::AutoCloseFd process;  // a pidfd
  pid_t id = 0;             // for its clock only: a process id may pass to another
};

// Belongs to the event loop's thread.
class Zygote {
 public:
  // Starts it.  Throws Failed when the program cannot be run.
  Zygote(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, std::string executable);
  ~Zygote() noexcept(false);
  KJ_DISALLOW_COPY(Zygote);

  // A planner for `file`.  A zygote that dies or does not answer is restarted, after a pause that grows, and asked
  // again; the promise fails (failed; busy when the fork itself failed) after a few attempts.
  kj::Promise<ForkedPlanner> fork(int file, std::uint64_t memoryBytes);

  kj::Promise<std::string> libraryVersion();

 private:
  class Running;
  struct Request;

  kj::Promise<void> ensureRunning();
  kj::Promise<void> start();
  kj::Promise<void> serve();
  kj::Promise<void> serveFirst();
  kj::Promise<void> askFork();
  void watch();
  void stop();
  template <class T>
  kj::Promise<T> inTime(kj::Promise<T> promise);

  kj::LowLevelAsyncIoProvider& io_;
  kj::Timer& timer_;
  const std::string executable_;
  kj::Maybe<kj::Own<Running>> running_;
  std::uint64_t generation_ = 0;
  unsigned failures_ = 0;  // in a row
  std::string libraryVersion_;
  kj::Maybe<kj::ForkedPromise<void>> starting_;
  bool isStarting_ = false;
  std::deque<kj::Own<Request>> requests_;
  bool isServing_ = false;
  kj::TaskSet tasks_;
};

}  // namespace h5cap
