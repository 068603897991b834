// A link with the options that one session was made with.  When its channel is lost another one takes its place.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include <kj/async.h>

#include "client/src/rpc/call.h"
#include "client/src/rpc/channel.h"
#include "client/src/threads/guarded.h"
#include "core/endpoint.h"
#include "h5cap/options.h"

namespace h5cap::detail {

// Whether a connection that has to be replaced is looked for among those that sessions of the process share.
enum class Sharing { own, pooled };

class Connection {
 public:
  Connection(std::shared_ptr<Channel> channel, ConnectOptions options, Sharing sharing = Sharing::own);

  // The channel that was used last; it may have ended.
  std::shared_ptr<Channel> channel() const;

  // A channel that works as far as is known: connects when the last one has ended or belongs to the parent process, and
  // waits for the transport then.  The last one after `close`, or when nothing ever worked.  Disconnected.
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
  mutable ForkGuarded<std::shared_ptr<Channel>> channel_;
};

}  // namespace h5cap::detail
