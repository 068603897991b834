// What every object that is served has in common: a session, a place in its budget of handles, and typed errors.
#pragma once

#include <capnp/capability.h>
#include <h5cap/objects.capnp.h>
#include <h5cap/service.capnp.h>

#include <initializer_list>
#include <string>

#include "server/base/guarded.h"
#include "server/session/server-context.h"

namespace h5cap {

// Counts one object that a connection holds.  Busy when it holds too many.
class Handle {
 public:
  explicit Handle(ConnectionState& connection);
  ~Handle() noexcept(false) { --connection_->handles; }
  KJ_DISALLOW_COPY(Handle);

 private:
  kj::Own<ConnectionState> connection_;
};

// Counts one call while it runs, so that the server can drain.
class RunningCall {
 public:
  explicit RunningCall(ServerContext& server) : server_(server) { ++server_.runningCalls; }
  ~RunningCall() { --server_.runningCalls; }
  KJ_DISALLOW_COPY(RunningCall);

 private:
  ServerContext& server_;
};

// Busy when the peer keeps too many answers, or too large ones, without releasing them.
void refuseOverBudget(const ConnectionState& connection);

// Whether calls of an interface wait for their turn.  Reads have turns of their own, and Session's methods do no work.
bool takesTurns(std::uint64_t interfaceId);

// Waits until few enough calls of the connection are under way, and few enough bytes wait to be taken by its peer.
kj::Promise<kj::Own<Quota::Lease>> whenTurn(ConnectionState& connection);

// Whether `interfaceId` is one of the interfaces over nodes, whatever their kind.
bool isNodeInterface(std::uint64_t interfaceId);
const char* nodeInterfaceName(std::uint64_t interfaceId);  // "a dataset"

// The server of one interface.  Calls of another node interface than the object's raise badType: a caller that pipelines
// casts the node before it knows what it is.
template <class Interface>
class Served : public Interface::Server {
 public:
  using DispatchCallResult = capnp::Capability::Server::DispatchCallResult;

  explicit Served(SessionState& session) : session_(kj::addRef(session)), handle_(*session.connection) {}

  DispatchCallResult dispatchCall(std::uint64_t interfaceId, std::uint16_t methodId,
                                  capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    try {
      if (isNodeInterface(interfaceId) && !implements(interfaceId))
        raiseKj(ErrorCode::badType, whatItIs() + ", not " + nodeInterfaceName(interfaceId));
      refuseOverBudget(*session_->connection);
      if (!takesTurns(interfaceId))
        return {counted(Interface::Server::dispatchCall(interfaceId, methodId, context).promise), false};
      // Nothing of a call that waits is lost when it is given up.
      context.allowCancellation();
      auto turn = whenTurn(*session_->connection);
      return {counted(turn.then([this, interfaceId, methodId, context](kj::Own<Quota::Lease> turn) mutable {
                return guarded([&] {
                  return Interface::Server::dispatchCall(interfaceId, methodId, context).promise.attach(kj::mv(turn));
                });
              })),
              false};
    } catch (const kj::Exception& problem) {
      return {kj::cp(problem), false};
    } catch (const std::exception& problem) {
      return {wire::toKj(problem), false};
    }
  }

 protected:
  SessionState& session() { return *session_; }

  // Of the node interfaces.
  virtual bool implements(std::uint64_t) const { return false; }
  virtual std::string whatItIs() { return "this is no node"; }  // "scan.nxs: /entry is a group"

  kj::Promise<void> notServed(const char* what) {
    return wire::toKj(ErrorCode::unimplemented, std::string(what) + " is not served yet");
  }

 private:
  kj::Promise<void> counted(kj::Promise<void> call) {
    return call.attach(kj::heap<RunningCall>(session_->server));
  }

  kj::Own<SessionState> session_;
  Handle handle_;
};

}  // namespace h5cap
