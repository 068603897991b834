// One call, or several that belong together, as the thread that waits sees it.
//
// Capabilities live on the loop's thread.  A caller starts a `Call` there, on a `Channel`, and waits here.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>

#include "client/src/threads/guarded.h"

namespace h5cap::detail {

class Channel;
struct Peer;

class Call {
 public:
  // May be asked in a forked child, too, of calls of the parent's.
  bool isDone() const { return ending_.lock()->isDone; }
  // Throws what went wrong, if anything did; only once done.
  void check() const;
  // Something arrived: waiting longer is reasonable.
  void noteProgress() { ++progress_; }

  // On the loop's thread, when it is done; set before it starts.
  std::function<void()> whenDone;

  // Ends the wait, with a problem or (null) without; the first end counts.
  void finish(std::exception_ptr problem);

  // Whether it is done, and ended with a problem; with the loss of the connection.
  bool hasFailed() const;
  bool wasLost() const;

  // Whether this process, and not the one that it was forked from, started it.
  bool isOurs() const { return owner_ == getpid(); }

 private:
  friend class Channel;
  friend class Connection;
  friend struct Peer;

  struct Ending {
    bool isDone = false;
    std::exception_ptr problem;  // null: it went well
  };
  std::exception_ptr problem() const { return ending_.lock()->problem; }

  const pid_t owner_ = getpid();
  std::weak_ptr<Channel> channel_;
  ForkGuarded<Ending> ending_;
  std::condition_variable_any changed_;  // `ending_` has
  std::atomic<std::uint64_t> progress_{0};
  std::atomic<bool> awaited_{false};
  std::uint64_t id_ = 0;
};

using SharedCall = std::shared_ptr<Call>;

}  // namespace h5cap::detail
