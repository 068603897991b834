// What a peer makes the server keep: answers that it has not released.
//
// A peer says Finish when it is done with an answer, and until then Cap'n Proto keeps the answer for calls that may be
// pipelined on it: whole, when it holds capabilities.  Cap'n Proto puts no bound on their number.  This network passes
// everything through to another one and keeps account of answers; calls are refused, and in the end the connection is,
// by that account.
//
// A call through an answer that is still to come waits for it, and Cap'n Proto wraps it anew each time that one of
// those before it is answered: a chain costs the square of its length.  So chains are of limited length, and no more is
// received while too many such calls wait.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.capnp.h>
#include <kj/function.h>

#include <string>
#include <unordered_map>

#include "server/session/server-context.h"

namespace h5cap {

class MeteredNetwork final : public capnp::TwoPartyVatNetworkBase {
 public:
  // Both outlive this and its connections.
  MeteredNetwork(capnp::TwoPartyVatNetwork& inner, ConnectionState& state) : inner_(inner), state_(state) {}

  // Why the peer was turned away; empty when it was not.
  const std::string& refusal() const { return refusal_; }

  kj::Maybe<kj::Own<Connection>> connect(capnp::rpc::twoparty::VatId::Reader peer) override;
  kj::Promise<kj::Own<Connection>> accept() override;

 private:
  class Metered;
  class Outgoing;

  enum class State { running, answered, released, refused };  // `released` before it was answered: it is given up

  struct Question {
    State state = State::running;
    std::uint32_t depth = 0;  // unanswered ones that it goes through
  };

  // What is to be done with a message.
  enum class Verdict { pass, refused };

  Verdict sawIncoming(capnp::IncomingRpcMessage& message);
  Verdict sawCall(capnp::rpc::Call::Reader call);
  void asked(std::uint32_t question, std::uint32_t depth);
  void finished(std::uint32_t question);
  void answered(std::uint32_t question);
  void ended(Question& question);
  bool mayReceive();
  kj::Promise<void> whenItMayReceive();
  kj::Promise<void> whenShallow();
  [[noreturn]] void refuse(std::string why);

  capnp::TwoPartyVatNetwork& inner_;
  ConnectionState& state_;
  std::unordered_map<std::uint32_t, Question> questions_;
  std::uint64_t depths_ = 0;  // of all that are running
  bool owesTurn_ = false;     // a call has begun since the last one
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> depthWaiter_;
  std::string refusal_;
};

}  // namespace h5cap
