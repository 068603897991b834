#include "server/transport/metered-network.h"

#include <algorithm>

#include "core/wire.h"

namespace h5cap {
namespace {

// No method takes capabilities; each one that a message names costs the server a proxy.
constexpr std::size_t maxCapabilities = 16;

// Unanswered questions that a call may go through.  A read of a file takes seven from the bootstrap on.
constexpr std::uint32_t maxChain = 32;

// Of all calls that are running, together: nothing more is received beyond.  Each of them costs 3.4 KiB.
constexpr std::uint64_t maxDepths = 2048;

kj::String chainProblem() {
  const std::string text = "a call through more than " + std::to_string(maxChain) +
                           " unanswered ones; wait for one of them before you go on";
  return kj::str(wire::toKj(ErrorCode::tooLarge, text).getDescription());
}

}  // namespace

// Counts an answer's memory for as long as Cap'n Proto keeps it.
class MeteredNetwork::Outgoing final : public capnp::OutgoingRpcMessage {
 public:
  // `firstSegmentWords`: what was asked for, which is taken even when the message is shorter.
  Outgoing(MeteredNetwork& network, kj::uint firstSegmentWords, kj::Own<capnp::OutgoingRpcMessage> inner)
      : network_(network), state_(kj::addRef(network.state_)), inner_(kj::mv(inner)),
        leastWords_(firstSegmentWords == 0 ? capnp::SUGGESTED_FIRST_SEGMENT_WORDS : firstSegmentWords) {}
  ~Outgoing() noexcept(false) { state_->answerBytes -= counted_.amount(); }
  KJ_DISALLOW_COPY(Outgoing);

  capnp::AnyPointer::Builder getBody() override { return inner_->getBody(); }
  void setFds(kj::Array<int> descriptors) override { inner_->setFds(kj::mv(descriptors)); }
  std::size_t sizeInWords() override { return inner_->sizeInWords(); }

  void send() override {
    auto message = inner_->getBody().getAs<capnp::rpc::Message>();
    if (message.isReturn()) {
      const std::size_t words = std::max<std::size_t>(inner_->sizeInWords(), leastWords_);
      counted_ = state_->principal->answerBytes().takeAnyway(words * sizeof(capnp::word));
      state_->answerBytes += counted_.amount();
      network_.answered(message.getReturn().getAnswerId());
    }
    inner_->send();
  }

 private:
  MeteredNetwork& network_;
  kj::Own<ConnectionState> state_;
  kj::Own<capnp::OutgoingRpcMessage> inner_;
  const std::size_t leastWords_;
  StockLease counted_;
};

class MeteredNetwork::Metered final : public Connection {
 public:
  Metered(MeteredNetwork& network, kj::Own<Connection> inner) : network_(network), inner_(kj::mv(inner)) {}

  kj::Own<capnp::RpcFlowController> newStream() override { return inner_->newStream(); }
  capnp::rpc::twoparty::VatId::Reader getPeerVatId() override { return inner_->getPeerVatId(); }
  kj::Promise<void> shutdown() override { return inner_->shutdown(); }

  kj::Own<capnp::OutgoingRpcMessage> newOutgoingMessage(kj::uint firstSegmentWords) override {
    return kj::heap<Outgoing>(network_, firstSegmentWords, inner_->newOutgoingMessage(firstSegmentWords));
  }

  kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> receiveIncomingMessage() override {
    if (network_.mayReceive()) return receive();
    return network_.whenItMayReceive().then([this] { return receive(); });
  }

 private:
  kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> receive() {
    return inner_->receiveIncomingMessage().then([this](kj::Maybe<kj::Own<capnp::IncomingRpcMessage>> received)
                                                     -> kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> {
      KJ_IF_MAYBE(message, received) {
        if (network_.sawIncoming(**message) == Verdict::refused) {
          answerRefused(**message);
          return receiveIncomingMessage();
        }
      }
      return kj::mv(received);
    });
  }

  // To a call that Cap'n Proto does not get to see.
  void answerRefused(capnp::IncomingRpcMessage& incoming) {
    auto message = incoming.getBody().getAs<capnp::rpc::Message>();
    if (!message.isCall()) return;
    auto outgoing = newOutgoingMessage(0);
    auto answer = outgoing->getBody().initAs<capnp::rpc::Message>().initReturn();
    answer.setAnswerId(message.getCall().getQuestionId());
    answer.initException().setReason(chainProblem());
    outgoing->send();
  }

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

MeteredNetwork::Verdict MeteredNetwork::sawIncoming(capnp::IncomingRpcMessage& incoming) {
  auto message = incoming.getBody().getAs<capnp::rpc::Message>();
  if (message.isCall()) return sawCall(message.getCall());
  if (message.isBootstrap()) {
    asked(message.getBootstrap().getQuestionId(), 0);
  } else if (message.isFinish()) {
    auto found = questions_.find(message.getFinish().getQuestionId());
    const bool isRefused = found != questions_.end() && found->second.state == State::refused;
    finished(message.getFinish().getQuestionId());
    if (isRefused) return Verdict::refused;
  }
  return Verdict::pass;
}

MeteredNetwork::Verdict MeteredNetwork::sawCall(capnp::rpc::Call::Reader call) {
  if (call.getParams().getCapTable().size() > maxCapabilities) refuse("the peer passes too many capabilities");
  // Who asks for results to be kept for itself gets none sent, and nobody would count them.
  if (!call.getSendResultsTo().isCaller()) refuse("the peer redirects answers, which is not served");
  std::uint32_t depth = 0;
  auto isRefused = false;
  if (call.getTarget().isPromisedAnswer()) {
    auto target = questions_.find(call.getTarget().getPromisedAnswer().getQuestionId());
    if (target != questions_.end()) {
      isRefused = target->second.state == State::refused;
      if (target->second.state == State::running) depth = target->second.depth + 1;
    }
  }
  asked(call.getQuestionId(), depth);
  owesTurn_ = true;
  if (depth <= maxChain && !isRefused) return Verdict::pass;
  auto& question = questions_[call.getQuestionId()];
  ended(question);
  question.state = State::refused;
  ++state_.heldAnswers;
  return Verdict::refused;
}

// Ids that are used twice, or finished without having been asked, are Cap'n Proto's to complain about.
void MeteredNetwork::asked(std::uint32_t question, std::uint32_t depth) {
  if (state_.heldAnswers > state_.server.limits.heldAnswersAtMost) refuse("the peer does not release its answers");
  if (questions_.try_emplace(question, Question{State::running, depth}).second) depths_ += depth;
}

void MeteredNetwork::finished(std::uint32_t question) {
  auto found = questions_.find(question);
  if (found == questions_.end()) return;
  if (found->second.state == State::answered || found->second.state == State::refused) {
    --state_.heldAnswers;
    questions_.erase(found);
  } else {
    found->second.state = State::released;
  }
}

void MeteredNetwork::answered(std::uint32_t question) {
  auto found = questions_.find(question);
  if (found == questions_.end() || found->second.state == State::refused) return;
  ended(found->second);
  if (found->second.state == State::released) {
    questions_.erase(found);
    return;
  }
  found->second.state = State::answered;
  if (++state_.heldAnswers > state_.server.limits.hoard) state_.hoarded = true;
}

// It waits for no answer any more.
void MeteredNetwork::ended(Question& question) {
  depths_ -= question.depth;
  question.depth = 0;
  if (depths_ > maxDepths) return;
  KJ_IF_MAYBE(waiter, depthWaiter_) (*waiter)->fulfill();
  depthWaiter_ = nullptr;
}

// Calls begin in turns, so that those of a few connections do not wait for all of many: what comes behind a call is
// received when that has had its turn.
bool MeteredNetwork::mayReceive() {
  if (depths_ > maxDepths) return false;
  if (owesTurn_ && !state_.server.loop.tryTake(state_.owner(), LoopTurns::costOfCall)) return false;
  owesTurn_ = false;
  return true;
}

kj::Promise<void> MeteredNetwork::whenItMayReceive() {
  if (!owesTurn_) return whenShallow();
  owesTurn_ = false;
  return state_.server.loop.take(state_.owner(), LoopTurns::costOfCall).then([this] { return whenShallow(); });
}

kj::Promise<void> MeteredNetwork::whenShallow() {
  if (depths_ <= maxDepths) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  depthWaiter_ = kj::mv(paf.fulfiller);
  return kj::mv(paf.promise);
}

void MeteredNetwork::refuse(std::string why) {
  refusal_ = std::move(why);
  kj::throwFatalException(
      kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__, kj::heapString(refusal_.c_str())));
}

}  // namespace h5cap
