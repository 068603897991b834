// The one thread of the process that runs an event loop; all connections share it.
//
// One thread and not one a connection: a process mostly has one connection, a bulk read spends its time in the kernel
// and in memcpy, and what has to survive fork() and exit() exists once.  It is started by the first connection and
// never destroyed: at exit it parks, so that no destructor of another library can pull anything from under it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <kj/async-io.h>

#include "client/src/threads/guarded.h"

namespace h5cap::detail {

class Channel;

// Guards no value: whoever holds it does what only one may do at a time, and may wait meanwhile.
using Turn = std::timed_mutex;

class Loop {
 public:
  // This process's loop.  A forked child gets one of its own: threads do not survive a fork.
  static Loop& instance();

  // Runs `task` on the loop's thread, later; tasks run in the order in which they were posted.  Once the process exits,
  // or in a forked child, tasks are forgotten and not destroyed: what they hold may only be touched on that thread.
  void post(std::function<void()> task);

  // Whether this process (and not its parent) started the loop.
  bool isOurs() const;

  // On the loop's thread only.
  kj::LowLevelAsyncIoProvider& io();
  kj::Timer& timer();

  // Connections that `sharedSession` hands out again, by endpoint.
  struct Pool {
    std::map<std::string, std::shared_ptr<Channel>> channels;
    std::map<std::string, std::shared_ptr<Turn>> replacing;
  };
  Guarded<Pool> pool;

  // Of many calls that lost the connection to that endpoint, the one whose turn it is connects.
  std::shared_ptr<Turn> replacing(const std::string& endpoint);

 private:
  Loop();
  void run();
  void stop();
  void runTasks();
  kj::Promise<void> waitForTasks(kj::AsyncInputStream& wake);

  struct Work {
    std::deque<std::function<void()>> tasks;
    bool isStopping = false;
    bool isParked = false;
  };

  pid_t pid_;
  int wakeFd_;
  Guarded<Work> work_;
  kj::AsyncIoContext* io_ = nullptr;
  std::uint64_t wakeBuffer_ = 0;
};

// A value that only the loop's thread may touch, and that is destroyed there, whoever drops the last reference.
template <class T>
std::shared_ptr<T> onLoop(Loop& loop) {
  return std::shared_ptr<T>(new T(), [&loop](T* value) { loop.post([value] { delete value; }); });
}

}  // namespace h5cap::detail
