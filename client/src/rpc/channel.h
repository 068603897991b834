// The socket to one server, shared by all sessions of the process to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include <kj/async.h>

#include "client/src/rpc/call.h"
#include "client/src/rpc/loop.h"
#include "client/src/threads/guarded.h"
#include "core/endpoint.h"
#include "h5cap/options.h"
#include "h5cap/report.h"

namespace h5cap::detail {

struct Peer;
struct ChannelStatus;

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

  // Starts `send` on the loop's thread and returns at once.  `send` returns a promise for the end of the call;
  // exceptions of h5cap thrown in it and its continuations arrive as they are when they pass through `checked`.
  void start(const SharedCall& call, std::function<kj::Promise<void>()> send);

  // Stops it on the channel that it was started on, at the server too.  Whoever waits for it gets `Busy`.
  static void cancel(const SharedCall& call);

  void close();
  Traffic traffic() const;

  // A flight begins with a call that is sent after the previous flight has been waited for.
  void noteSent();
  void noteAwaited();

  // On the loop's thread only.
  Peer& peer() { return *peer_; }

 private:
  struct Flights {
    std::uint64_t count = 0;
    bool isAwaited = true;  // the last one
  };

  Channel(Loop& loop, const Endpoint& endpoint);

  Loop& loop_;
  Endpoint endpoint_;
  Peer* peer_ = nullptr;  // made, used and destroyed on the loop's thread
  std::shared_ptr<ChannelStatus> status_;
  std::atomic<std::uint64_t> nextCall_{1};
  ForkGuarded<Flights> flights_;
};

}  // namespace h5cap::detail
