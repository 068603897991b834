// A connection and the calls under way on it.
//
// Threads: capabilities live on the loop's thread.  A caller starts a `Call` there and waits for it here.
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <kj/async.h>

#include "client/src/rpc/loop.h"
#include "core/endpoint.h"
#include "h5cap/session.h"

namespace h5cap::detail {

class Channel;
struct Peer;
struct ChannelStatus;

// One call, or several that belong together, as the thread that waits sees it.
class Call : public std::enable_shared_from_this<Call> {
 public:
  bool isDone() const { return done_; }
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

  // Stops it, as Channel::cancel does on the channel that it was started on.
  void cancel();

 private:
  friend class Channel;
  friend class Connection;
  friend struct Peer;

  const pid_t owner_ = getpid();
  std::weak_ptr<Channel> channel_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> done_{false};  // written last, so that what is done can be looked at without the lock, after a fork too
  std::exception_ptr problem_;
  std::atomic<std::uint64_t> progress_{0};
  std::atomic<bool> awaited_{false};
  std::uint64_t id_ = 0;
};

using SharedCall = std::shared_ptr<Call>;

// The socket to one server, shared by all sessions of the process to it.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  // Connects, and sends the login without waiting for its answer.
  static std::shared_ptr<Channel> open(const Endpoint& endpoint, const ConnectOptions& options);
  ~Channel();

  Loop& loop() const { return loop_; }
  const Endpoint& endpoint() const { return endpoint_; }
  bool isUsable() const;

  // Whether anything was ever answered on it.
  bool hasWorked() const;

  // Starts `send` on the loop's thread and returns at once.  `send` returns a promise for the end of the call; exceptions
  // of h5cap thrown in it and its continuations arrive as they are when they pass through `checked`.
  void start(const SharedCall& call, std::function<kj::Promise<void>()> send);

  // Stops it, at the server too.  Whoever waits for it gets `Busy`.
  void cancel(const SharedCall& call);

  void close();
  Traffic traffic() const;

  // A flight begins with a call that is sent after the previous flight has been waited for.
  void noteSent();
  void noteAwaited();

  // On the loop's thread only.
  Peer& peer() { return *peer_; }

 private:
  Channel(Loop& loop, const Endpoint& endpoint);

  Loop& loop_;
  Endpoint endpoint_;
  Peer* peer_ = nullptr;  // made, used and destroyed on the loop's thread
  std::shared_ptr<ChannelStatus> status_;
  std::atomic<std::uint64_t> nextCall_{1};
  mutable std::mutex flightMutex_;
  std::uint64_t flights_ = 0;
  bool awaited_ = true;
};

// Whether a connection that has to be replaced is looked for among those that sessions of the process share.
enum class Sharing { own, pooled };

// A link with the options that one session was made with.  When its channel is lost another one takes its place.
class Connection {
 public:
  Connection(std::shared_ptr<Channel> channel, ConnectOptions options, Sharing sharing = Sharing::own);

  // The channel that was used last; it may have ended.
  std::shared_ptr<Channel> channel() const;

  // A channel that works as far as is known: connects when the last one has ended or belongs to the parent process, and waits
  // for the transport then.  The last one after `close`, or when nothing ever worked.  Disconnected.
  std::shared_ptr<Channel> usable() const;

  // Whether what is lost may be tried again.
  bool mayReconnect() const;
  void noteWorked() { hasWorked_ = true; }

  // Ends the channel, and makes no other.
  void close();

  const Endpoint& endpoint() const { return endpoint_; }

  // Starts a call and counts it.  Disconnected.
  SharedCall start(std::function<kj::Promise<void>()> send) const;
  void start(const SharedCall& call, std::function<kj::Promise<void>()> send) const;

  // The same on a channel that was `usable`: waits for nothing.
  static SharedCall startOn(const std::shared_ptr<Channel>& channel, std::function<kj::Promise<void>()> send);

  enum class GiveUp { cancel, leave };

  // Waits; throws what the call throws, Busy (deadline) when nothing arrives for the connection's timeout, and whatever
  // `interrupted` throws.  `giveUp`: whether a call that is no longer waited for is cancelled.  `tick` is called as
  // `interrupted` is.
  void wait(const SharedCall& call, GiveUp giveUp = GiveUp::cancel, const std::function<void()>& tick = nullptr) const;

  // Starts and waits.
  void run(std::function<kj::Promise<void>()> send) const { wait(start(std::move(send))); }

  const ConnectOptions options;

 private:
  std::shared_ptr<Channel> replace() const;

  const Endpoint endpoint_;
  const Sharing sharing_;
  mutable std::atomic<bool> hasWorked_{false};
  std::atomic<bool> isClosed_{false};
  mutable ForkSafeMutex mutex_;
  mutable std::shared_ptr<Channel> channel_;
};

// Runs `f`; exceptions of h5cap, and std::bad_alloc, become kj exceptions that `Channel` turns back into the same class.
[[noreturn]] void throwAsKj(std::exception_ptr problem);
template <class F>
auto checked(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    throwAsKj(std::current_exception());
  }
}

}  // namespace h5cap::detail
