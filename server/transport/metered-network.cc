#include "server/transport/metered-network.h"

#include <capnp/rpc.capnp.h>

#include "core/wire.h"

namespace h5cap {
namespace {

// No method takes capabilities; each one that a message names costs the server a proxy.
constexpr std::size_t maxCapabilities = 16;

}  // namespace

// Counts an answer's memory for as long as Cap'n Proto keeps it.
class MeteredNetwork::Outgoing final : public capnp::OutgoingRpcMessage {
 public:
  Outgoing(MeteredNetwork& network, kj::Own<capnp::OutgoingRpcMessage> inner)
      : network_(network), state_(kj::addRef(network.state_)), inner_(kj::mv(inner)) {}
  ~Outgoing() noexcept(false) { state_->answerBytes -= counted_; }
  KJ_DISALLOW_COPY(Outgoing);

  capnp::AnyPointer::Builder getBody() override { return inner_->getBody(); }
  void setFds(kj::Array<int> descriptors) override { inner_->setFds(kj::mv(descriptors)); }
  std::size_t sizeInWords() override { return inner_->sizeInWords(); }

  void send() override {
    auto message = inner_->getBody().getAs<capnp::rpc::Message>();
    if (message.isReturn()) {
      counted_ = inner_->sizeInWords() * sizeof(capnp::word);
      state_->answerBytes += counted_;
      network_.answered(message.getReturn().getAnswerId());
    }
    inner_->send();
  }

 private:
  MeteredNetwork& network_;
  kj::Own<ConnectionState> state_;
  kj::Own<capnp::OutgoingRpcMessage> inner_;
  std::uint64_t counted_ = 0;
};

class MeteredNetwork::Metered final : public Connection {
 public:
  Metered(MeteredNetwork& network, kj::Own<Connection> inner) : network_(network), inner_(kj::mv(inner)) {}

  kj::Own<capnp::RpcFlowController> newStream() override { return inner_->newStream(); }
  capnp::rpc::twoparty::VatId::Reader getPeerVatId() override { return inner_->getPeerVatId(); }
  kj::Promise<void> shutdown() override { return inner_->shutdown(); }

  kj::Own<capnp::OutgoingRpcMessage> newOutgoingMessage(kj::uint firstSegmentWords) override {
    return kj::heap<Outgoing>(network_, inner_->newOutgoingMessage(firstSegmentWords));
  }

  kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> receiveIncomingMessage() override {
    return inner_->receiveIncomingMessage().then([this](kj::Maybe<kj::Own<capnp::IncomingRpcMessage>> received) {
      KJ_IF_MAYBE(message, received) network_.sawIncoming(**message);
      return received;
    });
  }

 private:
  MeteredNetwork& network_;
  kj::Own<Connection> inner_;
};

kj::Maybe<kj::Own<MeteredNetwork::Connection>> MeteredNetwork::connect(capnp::rpc::twoparty::VatId::Reader peer) {
  KJ_IF_MAYBE(connection, inner_.connect(peer))
    return kj::Own<Connection>(kj::heap<Metered>(*this, kj::mv(*connection)));
  return nullptr;
}

kj::Promise<kj::Own<MeteredNetwork::Connection>> MeteredNetwork::accept() {
  return inner_.accept().then([this](kj::Own<Connection> connection) -> kj::Own<Connection> {
    return kj::heap<Metered>(*this, kj::mv(connection));
  });
}

void MeteredNetwork::sawIncoming(capnp::IncomingRpcMessage& incoming) {
  auto message = incoming.getBody().getAs<capnp::rpc::Message>();
  if (message.isCall()) {
    auto call = message.getCall();
    if (call.getParams().getCapTable().size() > maxCapabilities) refuse("the peer passes too many capabilities");
    asked(call.getQuestionId());
  } else if (message.isBootstrap()) {
    asked(message.getBootstrap().getQuestionId());
  } else if (message.isFinish()) {
    finished(message.getFinish().getQuestionId());
  }
}

// Ids that are used twice, or finished without having been asked, are Cap'n Proto's to complain about.
void MeteredNetwork::asked(std::uint32_t question) {
  if (state_.heldAnswers > state_.server.limits.heldAnswersAtMost) refuse("the peer does not release its answers");
  questions_.try_emplace(question, Question::running);
}

void MeteredNetwork::finished(std::uint32_t question) {
  auto found = questions_.find(question);
  if (found == questions_.end()) return;
  if (found->second == Question::answered) {
    --state_.heldAnswers;
    questions_.erase(found);
  } else {
    found->second = Question::released;
  }
}

void MeteredNetwork::answered(std::uint32_t question) {
  auto found = questions_.find(question);
  if (found == questions_.end()) return;
  if (found->second == Question::released) {
    questions_.erase(found);
    return;
  }
  found->second = Question::answered;
  if (++state_.heldAnswers > state_.server.limits.hoard) state_.hoarded = true;
}

void MeteredNetwork::refuse(std::string why) {
  refusal_ = std::move(why);
  kj::throwFatalException(
      kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__, kj::heapString(refusal_.c_str())));
}

}  // namespace h5cap
