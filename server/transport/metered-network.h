// What a peer makes the server keep: answers that it has not released.
//
// A peer says Finish when it is done with an answer, and until then Cap'n Proto keeps the answer for calls that may be
// pipelined on it: whole, when it holds capabilities.  Cap'n Proto puts no bound on their number.  This network passes
// everything through to another one and keeps account of answers; calls are refused, and in the end the connection is,
// by that account.
#pragma once

#include <capnp/rpc-twoparty.h>
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

  enum class Question { running, answered, released };  // `released` before it was answered: a call that is given up

  void sawIncoming(capnp::IncomingRpcMessage& message);
  void asked(std::uint32_t question);
  void finished(std::uint32_t question);
  void answered(std::uint32_t question);
  [[noreturn]] void refuse(std::string why);

  capnp::TwoPartyVatNetwork& inner_;
  ConnectionState& state_;
  std::unordered_map<std::uint32_t, Question> questions_;
  std::string refusal_;
};

}  // namespace h5cap
