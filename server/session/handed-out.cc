#include "server/session/handed-out.h"

#include <algorithm>
#include <list>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

using Context = capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>;

// What Cap'n Proto keeps for a capability, and the allocator for its pieces.  Measured: a dataset that a peer holds
// takes 950 bytes in all.
constexpr std::size_t RPC_BYTES = 640;

// How long a call has its turn while others wait for one.
constexpr kj::Duration fairTurn = 1 * kj::SECONDS;

// Counts one call while it runs, so that the server can drain, and keeps its turn.
class CallUnderWay final : public CallTurn {
 public:
  CallUnderWay(ConnectionState& connection, kj::Own<Quota::Lease> turn) : connection_(kj::addRef(connection)) {
    ++connection_->server.runningCalls;
    if (turn.get() != nullptr) setTurn(kj::mv(turn));
  }
  ~CallUnderWay() noexcept(false) {
    --connection_->server.runningCalls;
    if (hasPlace_) connection_->turns.erase(place_);
    if (isAside_) --connection_->callsAside;
  }
  KJ_DISALLOW_COPY(CallUnderWay);

  void setTurn(kj::Own<Quota::Lease> turn) {
    turn_ = kj::mv(turn);
    began_ = connection_->server.timer.now();
    place_ = connection_->turns.insert(connection_->turns.end(), this);
    hasPlace_ = true;
  }

  kj::TimePoint began() const override { return began_; }

  void standAside() override {
    connection_->turns.erase(place_);
    hasPlace_ = false;
    isAside_ = true;
    ++connection_->callsAside;
    turn_ = nullptr;
  }

 private:
  kj::Own<ConnectionState> connection_;
  kj::Own<Quota::Lease> turn_;  // null without one
  kj::TimePoint began_ = kj::origin<kj::TimePoint>();
  std::list<CallTurn*>::iterator place_;
  bool hasPlace_ = false, isAside_ = false;
};

// While somebody waits for a turn, calls that have had theirs for a while stand aside, up to a number: what they wait
// for may never come, as an answer of storage that hangs.  Never resolves.
kj::Promise<void> letOthersPass(ConnectionState& connection) {
  return connection.server.timer.afterDelay(fairTurn).then([&connection] {
    const auto before = connection.server.timer.now() - fairTurn;
    while (!connection.turns.empty() && connection.turns.front()->began() <= before &&
           connection.callsAside < connection.server.limits.callsAside)
      connection.turns.front()->standAside();
    return letOthersPass(connection);
  });
}

// Busy when the peer keeps too many answers, or too large ones, without releasing them.
void refuseOverBudget(const ConnectionState& connection) {
  const ObjectLimits& limits = connection.server.limits;
  if (connection.heldAnswers > limits.heldAnswers)
    raiseKj(ErrorCode::busy, "this connection keeps " + std::to_string(connection.heldAnswers) +
                                 " answers; release (Finish) some");
  if (connection.answerBytes > limits.heldAnswerBytes)
    raiseKj(ErrorCode::busy, "this connection keeps " + std::to_string(connection.answerBytes >> 20) +
                                 " MiB of answers; release (Finish) some");
  connection.principal->answerBytes().requireRoom();
}

// A turn, when there is one at once; a null lease where none is needed.
kj::Maybe<kj::Own<Quota::Lease>> tryTurn(ConnectionState& connection, Turn turn) {
  switch (turn) {
    case Turn::none:
      return kj::Own<Quota::Lease>();
    case Turn::call:
      if (!connection.replyBytes->isFree(1)) return nullptr;
      return connection.calls->tryTake(1);
    case Turn::read:
      break;
  }
  return connection.reads->tryTake(1);
}

kj::Promise<kj::Own<Quota::Lease>> whenTurn(ConnectionState& connection, Turn turn) {
  if (turn == Turn::read) return connection.reads->take(1);
  return connection.calls->take(1).then([&connection](kj::Own<Quota::Lease> lease) {
    // Only that there is room matters here: what the answer will take is not known yet.
    return connection.replyBytes->take(1).then([lease = kj::mv(lease)](kj::Own<Quota::Lease>) mutable {
      return kj::mv(lease);
    });
  });
}

const char* verb(rpc::Access access) {
  if (access == rpc::Access::READ) return "read";
  return access == rpc::Access::LIST ? "listed" : "changed";
}

class Wrapper final : public capnp::Capability::Server {
 public:
  Wrapper(Caller& caller, Grant grant, std::shared_ptr<ServedObject> object, std::size_t objectBytes)
      : caller_(kj::addRef(caller)), grant_(std::move(grant)), object_(std::move(object)), objectBytes_(objectBytes),
        held_(caller.principal->handleBytes().take(RPC_BYTES + sizeof *this + grant_.path().size() + objectBytes_ +
                                                   object_->keptBytes())) {
    ConnectionState& connection = *caller.connection;
    if (++connection.handles > connection.server.limits.hoard) connection.hoarded = true;
  }
  ~Wrapper() noexcept(false) { --caller_->connection->handles; }

  capnp::Capability::Client forCaller(Caller& caller) { return wrap(caller, grant_, object_, objectBytes_); }

  DispatchCallResult dispatchCall(std::uint64_t interfaceId, std::uint16_t methodId, Context context) override {
    return guarded([&] {
      const MethodRule* rule = caller_->server.methods.find({interfaceId, methodId});
      if (rule == nullptr) raiseKj(ErrorCode::unimplemented, object_->name() + ": this method is not served");
      requireRight(rule->needs);
      refuseOverBudget(*caller_->connection);
      auto tooLate = whenTooLate(*rule, context);
      auto call = begin(*rule, context);
      KJ_IF_MAYBE(end, tooLate) call.promise = call.promise.exclusiveJoin(kj::mv(*end));
      if (grant_.isTemporary())
        call.promise = grant_.during(caller_->server.timer, object_->name(), kj::mv(call.promise));
      return call;
    });
  }

 private:
  DispatchCallResult begin(const MethodRule& rule, Context context) {
    KJ_IF_MAYBE(turn, tryTurn(*caller_->connection, rule.turn)) {
      auto underWay = kj::heap<CallUnderWay>(*caller_->connection, kj::mv(*turn));
      auto call = object_->begin(asking_, rule.method, context);
      call.promise = call.promise.attach(kj::mv(underWay));
      return call;
    }
    return DispatchCallResult{inTurn(rule, context), false};
  }

  // Nothing of a call that waits is lost when it is given up.
  kj::Promise<void> inTurn(const MethodRule& rule, Context context) {
    context.allowCancellation();
    auto underWay = kj::heap<CallUnderWay>(*caller_->connection, kj::Own<Quota::Lease>());
    auto never = letOthersPass(*caller_->connection).then([]() -> kj::Own<Quota::Lease> { KJ_UNREACHABLE; });
    return whenTurn(*caller_->connection, rule.turn)
        .exclusiveJoin(kj::mv(never))
        .then([this, &rule, context, &underWay = *underWay](kj::Own<Quota::Lease> turn) mutable {
          underWay.setTurn(kj::mv(turn));
          return guarded([&] { return object_->begin(asking_, rule.method, context).promise; });
        })
        .attach(kj::mv(underWay));
  }

  // Fails when the time that the call is allowed has passed; nothing for a call that has no end set.
  kj::Maybe<kj::Promise<void>> whenTooLate(const MethodRule& rule, Context& context) {
    kj::Maybe<kj::Promise<void>> end;
    if (rule.timeAllowed != nullptr) {
      const auto wanted = rule.timeAllowed(context.getParams()), longest = caller_->server.limits.readTime;
      const auto limit = wanted.count() == 0 ? longest : std::min(longest, wanted);
      end = caller_->server.timer.afterDelay(limit.count() * kj::MILLISECONDS).then([this]() -> void {
        raiseKj(ErrorCode::deadline, object_->name() + ": the time allowed for this read has passed");
      });
    }
    return end;
  }

  void requireRight(rpc::Access needs) const {
    if (grant_.covers(needs)) return;
    if (needs > grant_.rights())
      raiseKj(ErrorCode::denied, object_->name() + ": may not be " + verb(needs) + " through this reference");
    raiseKj(ErrorCode::denied, object_->name() + ": the permission has ended");
  }

  kj::Own<Caller> caller_;
  const Grant grant_;
  const Asking asking_{*caller_, grant_};
  const std::shared_ptr<ServedObject> object_;
  const std::size_t objectBytes_;
  const StockLease held_;
};

}  // namespace

capnp::Capability::Client wrap(Caller& caller, Grant grant, std::shared_ptr<ServedObject> object,
                               std::size_t objectBytes) {
  return guarded([&] {
    return caller.server.handedOut.add(kj::heap<Wrapper>(caller, std::move(grant), std::move(object), objectBytes));
  });
}

capnp::Capability::Client handOn(capnp::Capability::Client capability, Caller& caller) {
  auto finding = caller.server.handedOut.getLocalServer(capability);
  return finding.then([capability, caller = kj::addRef(caller)](
                          kj::Maybe<capnp::Capability::Server&> found) mutable -> capnp::Capability::Client {
    return guarded([&] {
      // Nothing but wrappers is handed out.
      KJ_IF_MAYBE(wrapper, found) return kj::downcast<Wrapper>(*wrapper).forCaller(*caller);
      raiseKj(ErrorCode::denied, "a reference that this server did not give out cannot be handed on");
    });
  });
}

}  // namespace h5cap
