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
  SessionImpl(HandingOut key, kj::Own<SessionState> session) : Served(key), session_(kj::mv(session)) {}

  kj::Promise<void> root(RootContext context) override {
    auto root = handOut<DirectoryImpl>(asking().caller, asking().grant, kj::addRef(*session_), "");
    context.getResults(oneCapability).setDirectory(kj::mv(root));
    return kj::READY_NOW;
  }

  kj::Promise<void> ping(PingContext context) override {
    auto payload = context.getParams().getPayload();
    if (payload.size() > maxPingBytes) raiseKj(ErrorCode::tooLarge, "a ping carries at most 4 KiB");
    context.getResults().setPayload(payload);
    return kj::READY_NOW;
  }

  kj::Promise<void> identity(IdentityContext context) override {
    const Identity& identity = session_->principal->identity();
    context.getResults().setUser(identity.user.c_str());
    context.getResults().setMethod(methodName(identity.method));
    return kj::READY_NOW;
  }

  std::string name() const override { return "the session"; }

 private:
  kj::Own<SessionState> session_;
};

class ServiceImpl final : public Served<rpc::Service> {
 public:
  using Served::Served;

  kj::Promise<void> hello(HelloContext context) override {
    context.allowCancellation();
    return asking().caller.server.planners.libraryVersion().then([context](std::string version) mutable {
      auto server = context.getResults().initServer();
      server.setSoftware(softwareName().c_str());
      server.setProtocol(rpc::PROTOCOL_VERSION);
      server.setLibraryVersion(version.c_str());
    });
  }

  kj::Promise<void> login(LoginContext context) override {
    if (!context.getParams().getCredential().isAmbient())
      raiseKj(ErrorCode::unimplemented, "tokens are not served yet");
    Caller& caller = asking().caller;
    // Whoever may not see the exports may not log in.
    return caller.server.opener.openDirectory(caller.shared(), "").then([&caller, context](Grant grant) mutable {
      auto session = handOut<SessionImpl>(caller, std::move(grant), kj::refcounted<SessionState>(caller));
      context.getResults(oneCapability).setSession(kj::mv(session));
    });
  }

  kj::Promise<void> restore(RestoreContext context) override {
    context.allowCancellation();
    return restoreNode(asking().caller, context);
  }

  std::string name() const override { return "the service"; }
};

}  // namespace

rpc::Service::Client makeService(kj::Own<Caller> caller) {
  try {
    return handOut<ServiceImpl>(*caller, Grant(rpc::Access::NONE, "", std::nullopt, nullptr));
  } catch (const kj::Exception& problem) {
    return kj::cp(problem);
  }
}

std::string softwareName() { return std::string("h5capd ") + H5CAP_VERSION; }

}  // namespace h5cap
