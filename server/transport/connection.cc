#include "server/transport/connection.h"

#include <capnp/rpc-twoparty.h>
#include <h5cap/types.capnp.h>

#include "server/transport/guarded-stream.h"
#include "server/base/log.h"
#include "server/transport/metered-network.h"
#include "server/objects/service.h"

namespace h5cap {
namespace {

// A peer that takes nothing for this long holds memory that others may need; or that they wait for.
constexpr auto longestStall = 60 * kj::SECONDS, longestStallWhenScarce = 5 * kj::SECONDS;
constexpr auto stallCheck = 2 * kj::SECONDS;

// Half a message is memory too, and a peer that never says a whole one is none of ours.
constexpr auto longestPause = 10 * kj::SECONDS;     // within one
constexpr auto longestMessage = 120 * kj::SECONDS;  // or until the first one begins

// Messages that take part of the heap for themselves.
constexpr std::uint64_t muchBytes = 1 << 20;

// So many connections have taken megabytes together.
constexpr std::uint64_t connectionsWorthReturning = 256;

// Words of calls in progress; Cap'n Proto stops reading above.
constexpr std::size_t callWords = 1 << 17;

capnp::ReaderOptions readerOptions() {
  // Cap'n Proto applies the limit on what we receive to what we send as well; the stream has a stricter one for the
  // former.
  capnp::ReaderOptions options;
  options.traversalLimitInWords = rpc::MAX_MESSAGE_WORDS;
  return options;
}

class Connection {
 public:
  Connection(ServerContext& server, kj::Own<kj::AsyncIoStream> stream, Identity identity)
      : timer_(server.timer), state_(kj::refcounted<ConnectionState>(server, server.principals.of(identity))),
        stream_(kj::mv(stream), StreamLimits{.maxMessageBytes = rpc::MAX_CALL_BYTES}),
        network_(stream_, capnp::rpc::twoparty::Side::SERVER, readerOptions()),
        metered_(network_, *state_),
        rpc_(capnp::makeRpcServer(
            metered_,
            makeService(kj::refcounted<Caller>(kj::addRef(*state_), kj::atomicAddRef(*state_->principal))))) {
    rpc_.setFlowLimit(callWords);
    stream_.countAlso([this] { return network_.getCurrentQueueSize(); });
    stream_.onWritten([this] { state_->wrote(); });
    stream_.inTurns([this](std::uint64_t bytes) { return state_->server.loop.take(state_->owner(), bytes); },
                    [this] { return state_->server.loop.isAlone(state_->owner()); });
    state_->countUnsent([this] { return stream_.unsentBytes(); });
  }

  // The state may outlive the connection in whatever still runs.
  ~Connection() noexcept(false) {
    state_->countUnsent([] { return std::uint64_t{0}; });
  }

  // Whether the memory that it took is worth giving back.
  bool hadMuch() const { return state_->hoarded || stream_.largestReceived() >= muchBytes; }

  kj::Promise<void> ended() {
    // Nothing is read of a peer that has much to take: that it has gone shows where it is written to.
    auto gone = network_.onDisconnect().exclusiveJoin(stream_.whenWriteDisconnected());
    return gone.exclusiveJoin(stalled()).then([this]() -> kj::Promise<void> {
      const std::string& refusal = stream_.refusal().empty() ? metered_.refusal() : stream_.refusal();
      if (refusal.empty()) return kj::READY_NOW;
      return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__, kj::heapString(refusal.c_str()));
    });
  }

 private:
  kj::Promise<void> stalled() {
    return timer_.afterDelay(stallCheck).then([this]() -> kj::Promise<void> {
      const auto now = timer_.now();
      if (stream_.bytesSent() != sent_ || stream_.unsentBytes() == 0) {
        sent_ = stream_.bytesSent();
        tookAt_ = now;
      }
      if (stream_.isCutOff()) return KJ_EXCEPTION(DISCONNECTED, "the peer has gone");
      const bool isScarce = state_->server.replyBytes.isScarce();
      if (now - tookAt_ > (isScarce ? longestStallWhenScarce : longestStall))
        return KJ_EXCEPTION(DISCONNECTED, "the peer takes nothing any more");
      if (stream_.messagesBegun() != messagesSeen_ || !stream_.awaitsRest()) {
        messagesSeen_ = stream_.messagesBegun();
        begunAt_ = pausedAt_ = now;
      }
      if (stream_.bytesReceived() != received_ || stream_.bytesReceived() == 0) pausedAt_ = now;
      received_ = stream_.bytesReceived();
      if (now - begunAt_ > longestMessage || now - pausedAt_ > longestPause)
        return KJ_EXCEPTION(DISCONNECTED, "the peer does not end a message");
      return stalled();
    });
  }

  kj::Timer& timer_;
  std::uint64_t sent_ = 0, received_ = 0, messagesSeen_ = 0;
  kj::TimePoint tookAt_ = timer_.now();   // when the peer last took something, or had nothing to take
  kj::TimePoint begunAt_ = timer_.now(), pausedAt_ = begunAt_;  // the message that is still to be ended
  kj::Own<ConnectionState> state_;
  GuardedStream stream_;
  capnp::TwoPartyVatNetwork network_;
  MeteredNetwork metered_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
};

}  // namespace

kj::Promise<void> serveConnection(ServerContext& server, Trimming& trimming, kj::Own<kj::AsyncIoStream> stream,
                                  Identity identity, std::string peer) {
  return kj::evalNow([&] {
           auto connection = kj::heap<Connection>(server, kj::mv(stream), kj::mv(identity));
           auto& served = *connection;
           return served.ended()
               .then([] { return kj::Maybe<kj::Exception>(nullptr); },
                     [](kj::Exception&& problem) { return kj::Maybe<kj::Exception>(kj::mv(problem)); })
               .then([&server, &trimming, connection = kj::mv(connection)](kj::Maybe<kj::Exception> problem) mutable {
                 const bool hadMuch = connection->hadMuch();
                 connection = nullptr;
                 if (hadMuch || ++server.connectionsEnded % connectionsWorthReturning == 0) trimming.soon();
                 KJ_IF_MAYBE(exception, problem) kj::throwFatalException(kj::mv(*exception));
               });
         })
      .catch_([peer = kj::mv(peer)](kj::Exception&& problem) {
        logLine(peer, problem.getDescription().cStr());
      });
}

}  // namespace h5cap
