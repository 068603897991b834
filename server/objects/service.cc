#include "server/objects/service.h"

#include "server/objects/directory-impl.h"
#include "server/objects/sealed-node.h"

namespace h5cap {
namespace {

constexpr std::size_t maxPingBytes = 4096;

// Without a hint an answer takes 8 KiB.
constexpr capnp::MessageSize oneCapability{4, 1};

const char* methodName(Authentication method) {
  switch (method) {
    case Authentication::unixPeer:
      return "unix";
    case Authentication::standardStreams:
      return "stdio";
    case Authentication::none:
      break;
  }
  return "none";
}

class SessionImpl final : public Served<rpc::Session> {
 public:
  using Served::Served;

  kj::Promise<void> root(RootContext context) override {
    context.getResults(oneCapability).setDirectory(kj::heap<DirectoryImpl>(session(), ""));
    return kj::READY_NOW;
  }

  kj::Promise<void> ping(PingContext context) override {
    auto payload = context.getParams().getPayload();
    if (payload.size() > maxPingBytes) raiseKj(ErrorCode::tooLarge, "a ping carries at most 4 KiB");
    context.getResults().setPayload(payload);
    return kj::READY_NOW;
  }

  kj::Promise<void> identity(IdentityContext context) override {
    context.getResults().setUser(session().principal->identity().user.c_str());
    context.getResults().setMethod(methodName(session().principal->identity().method));
    return kj::READY_NOW;
  }
};

class ServiceImpl final : public rpc::Service::Server {
 public:
  ServiceImpl(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal)
      : connection_(kj::mv(connection)), principal_(kj::mv(principal)) {}

  DispatchCallResult dispatchCall(std::uint64_t interfaceId, std::uint16_t methodId,
                                  capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    refuseOverBudget(*connection_);
    return rpc::Service::Server::dispatchCall(interfaceId, methodId, context);
  }

  kj::Promise<void> hello(HelloContext context) override {
    context.allowCancellation();
    return connection_->server.planners.libraryVersion().then([context](std::string version) mutable {
      auto server = context.getResults().initServer();
      server.setSoftware(softwareName().c_str());
      server.setProtocol(rpc::PROTOCOL_VERSION);
      server.setLibraryVersion(version.c_str());
    });
  }

  kj::Promise<void> login(LoginContext context) override {
    if (!context.getParams().getCredential().isAmbient())
      raiseKj(ErrorCode::unimplemented, "tokens are not served yet");
    // Whoever may not see the exports may not log in.
    auto allowed = connection_->server.opener.openDirectory(kj::atomicAddRef(*principal_), "");
    return allowed.then([this, context](Grant) mutable {
      auto session = kj::refcounted<SessionState>(kj::addRef(*connection_), kj::atomicAddRef(*principal_));
      context.getResults(oneCapability).setSession(kj::heap<SessionImpl>(*session));
    });
  }

  kj::Promise<void> restore(RestoreContext context) override {
    context.allowCancellation();
    auto running = kj::heap<RunningCall>(connection_->server);
    auto turn = whenTurn(*connection_);
    return turn
        .then([this, context](kj::Own<Quota::Lease> turn) mutable {
          return restoreNode(kj::addRef(*connection_), kj::atomicAddRef(*principal_), context).attach(kj::mv(turn));
        })
        .attach(kj::mv(running));
  }

 private:
  kj::Own<ConnectionState> connection_;
  const kj::Own<const Principal> principal_;
};

}  // namespace

rpc::Service::Client makeService(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal) {
  return kj::heap<ServiceImpl>(kj::mv(connection), kj::mv(principal));
}

std::string softwareName() { return std::string("h5capd ") + H5CAP_VERSION; }

}  // namespace h5cap
