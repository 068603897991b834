// Covers the wrapper around every capability: methods that are not listed, rights that end, turns, what is counted and
// for whom, capabilities that are handed on to another connection, and what objects may take.  Does not cover what
// objects answer.
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "server/objects/served.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

// What the object below was asked, and what it waits for.
struct Seen {
  unsigned writes = 0;
  std::vector<PrincipalId> principals;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> running;
};

// Answers nothing until it is told to, and implements a method that is not listed.
class Slow final : public Served<rpc::Dataset> {
 public:
  Slow(HandingOut key, std::shared_ptr<Seen> seen, std::string text = "")
      : Served(key), seen_(std::move(seen)), text_(std::move(text)) {}

  kj::Promise<void> missingSources(MissingSourcesContext context) override {
    context.allowCancellation();
    return begin();
  }
  kj::Promise<void> read(ReadContext context) override {
    context.allowCancellation();
    return begin();
  }
  kj::Promise<void> attributes(AttributesContext) override { return begin(); }
  kj::Promise<void> write(WriteContext) override {
    ++seen_->writes;
    return kj::READY_NOW;
  }

  std::string name() const override { return "slow"; }
  std::size_t keptBytes() const override { return text_.size(); }

  kj::Promise<void> begin() {
    seen_->principals.push_back(asking().caller.principal->id());
    auto paf = kj::newPromiseAndFulfiller<void>();
    seen_->running.push_back(kj::mv(paf.fulfiller));
    return kj::mv(paf.promise);
  }
  using Served::begin;

 protected:
  bool implements(std::uint64_t interfaceId) const override {
    return interfaceId == capnp::typeId<rpc::Dataset>() || interfaceId == capnp::typeId<rpc::Node>();
  }

 private:
  std::shared_ptr<Seen> seen_;
  std::string text_;
};

// Somebody on a connection of their own, without a wire.
struct Peer {
  explicit Peer(TestServer& server)
      : connection(kj::refcounted<ConnectionState>(
            server.context, server.context.principals.of({Authentication::none, "anyone"}))),
        caller(kj::refcounted<Caller>(kj::addRef(*connection), kj::atomicAddRef(*connection->principal))) {}
  kj::Own<ConnectionState> connection;
  kj::Own<Caller> caller;

  std::uint64_t handleBytes() const { return caller->principal->handleBytes().used(); }
};

Grant granted(rpc::Access access) { return Grant(access, "", std::nullopt, nullptr); }

struct Scene {
  TestServer server;
  Peer first{server}, second{server};
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  kj::WaitScope& waitScope = server.io.waitScope;

  rpc::Dataset::Client slow(Grant grant = granted(rpc::Access::READ)) {
    return handOut<Slow>(*first.caller, std::move(grant), seen);
  }
};

}  // namespace

TEST_CASE("a method that is not listed is refused, although the object has it") {
  Scene scene;
  auto error = errorFrom(scene.slow().writeRequest().send(), scene.waitScope);
  CHECK(error.code == ErrorCode::unimplemented);
  CHECK(error.message.find("not served") != std::string::npos);
  CHECK(scene.seen->writes == 0);
  // The control: without a wrapper nothing refuses it.
  class Unwrapped final : public rpc::Dataset::Server {
   public:
    explicit Unwrapped(Seen& seen) : seen_(seen) {}
    kj::Promise<void> write(WriteContext) override {
      ++seen_.writes;
      return kj::READY_NOW;
    }

   private:
    Seen& seen_;
  };
  rpc::Dataset::Client bare = kj::heap<Unwrapped>(*scene.seen);
  bare.writeRequest().send().wait(scene.waitScope);
  CHECK(scene.seen->writes == 1);
}

TEST_CASE("a call needs the right that its method is listed with") {
  Scene scene;
  auto outcome = [&](rpc::Access access) {
    auto dataset = scene.slow(granted(access));
    auto reading = dataset.readRequest().send();
    reading.poll(scene.waitScope);
    const bool began = !scene.seen->running.empty();
    if (began) return ErrorCode::failed;
    return errorFrom(kj::mv(reading), scene.waitScope).code;
  };
  CHECK(outcome(rpc::Access::NONE) == ErrorCode::denied);
  CHECK(outcome(rpc::Access::LIST) == ErrorCode::denied);
  CHECK(outcome(rpc::Access::READ) == ErrorCode::failed);  // the control: it runs
}

TEST_CASE("a right that is taken back, or ends, ends the calls that run") {
  Scene scene;
  auto revocation = std::make_shared<Revocation>();
  SUBCASE("revoked") {
    auto dataset = scene.slow(Grant(rpc::Access::READ, "", std::nullopt, revocation));
    auto reading = dataset.readRequest().send();
    auto listing = dataset.missingSourcesRequest().send();
    CHECK(!reading.poll(scene.waitScope));
    CHECK(!listing.poll(scene.waitScope));
    CHECK(scene.server.context.runningCalls == 2);
    revocation->revoke();
    CHECK(errorFrom(kj::mv(reading), scene.waitScope).code == ErrorCode::denied);
    CHECK(errorFrom(kj::mv(listing), scene.waitScope).code == ErrorCode::denied);
    CHECK(scene.server.context.runningCalls == 0);
    CHECK(errorFrom(dataset.readRequest().send(), scene.waitScope).code == ErrorCode::denied);
  }
  SUBCASE("ended") {
    // it has stood still so far
    scene.server.io.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(scene.waitScope);
    const auto until = std::chrono::system_clock::now() + std::chrono::milliseconds(200);
    auto dataset = scene.slow(Grant(rpc::Access::READ, "", until, nullptr));
    auto reading = dataset.readRequest().send();
    CHECK(!reading.poll(scene.waitScope));
    CHECK(errorFrom(kj::mv(reading), scene.waitScope).code == ErrorCode::denied);
  }
  SUBCASE("neither: the control") {
    auto dataset = scene.slow(Grant(rpc::Access::READ, "", std::nullopt, revocation));
    auto reading = dataset.readRequest().send();
    CHECK(!reading.poll(scene.waitScope));
    scene.seen->running.at(0)->fulfill();
    reading.wait(scene.waitScope);
  }
}

TEST_CASE("calls wait for their turn, each kind for its own, and one that is given up gives its place back") {
  ObjectLimits limits;
  limits.callsPerConnection = 2;
  limits.readsPerConnection = 1;
  limits.callsAside = 0;  // on a slow machine, too
  TestServer server(limits);
  Peer peer(server);
  auto seen = std::make_shared<Seen>();
  rpc::Dataset::Client dataset = handOut<Slow>(*peer.caller, granted(rpc::Access::READ), seen);
  std::vector<capnp::RemotePromise<rpc::Dataset::MissingSourcesResults>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(dataset.missingSourcesRequest().send());
  for (auto& call : calls) CHECK(!call.poll(server.io.waitScope));
  CHECK(seen->running.size() == 2);
  auto reading = dataset.readRequest().send();
  auto next = dataset.readRequest().send();
  CHECK(!reading.poll(server.io.waitScope));
  CHECK(!next.poll(server.io.waitScope));
  CHECK(seen->running.size() == 3);
  CHECK(peer.connection->calls->waiting() == 2);
  CHECK(server.context.runningCalls == 6);

  seen->running.at(0)->fulfill();
  server.io.waitScope.poll();
  CHECK(seen->running.size() == 4);
  calls.clear();  // one of them waits
  { auto dropped = kj::mv(next); }
  seen->running.at(2)->fulfill();
  reading.wait(server.io.waitScope);
  server.io.waitScope.poll();
  CHECK(peer.connection->reads->used() == 0);
}

TEST_CASE("a time that a read is allowed counts while it waits for its turn") {
  ObjectLimits limits;
  limits.readsPerConnection = 1;
  TestServer server(limits);
  Peer peer(server);
  auto seen = std::make_shared<Seen>();
  rpc::Dataset::Client dataset = handOut<Slow>(*peer.caller, granted(rpc::Access::READ), seen);
  auto first = dataset.readRequest().send();
  auto request = dataset.readRequest();
  request.initOptions().setDeadlineMs(20);
  auto error = errorFrom(request.send(), server.io.waitScope);
  CHECK(error.code == ErrorCode::deadline);
  CHECK(error.message.find("slow") != std::string::npos);
  CHECK(seen->running.size() == 1);
}

TEST_CASE("calls through a capability that came from another connection are counted on the one that calls") {
  Scene scene;
  auto original = scene.slow();
  const auto firstBytes = scene.first.handleBytes();
  rpc::Dataset::Client handed = handOn(original, *scene.second.caller).castAs<rpc::Dataset>();
  auto reading = handed.readRequest().send();
  auto listing = handed.missingSourcesRequest().send();
  CHECK(!reading.poll(scene.waitScope));
  CHECK(!listing.poll(scene.waitScope));
  CHECK(scene.second.connection->reads->used() == 1);
  CHECK(scene.second.connection->calls->used() == 1);
  CHECK(scene.second.connection->handles == 1);
  CHECK(scene.second.handleBytes() > 0);
  CHECK(scene.first.connection->reads->used() == 0);
  CHECK(scene.first.connection->calls->used() == 0);
  CHECK(scene.first.connection->handles == 1);
  CHECK(scene.first.handleBytes() == firstBytes);
  CHECK(scene.seen->principals == std::vector<PrincipalId>(2, scene.second.caller->principal->id()));

  // The control: the same calls of the first one's.
  auto own = original.readRequest().send();
  CHECK(!own.poll(scene.waitScope));
  CHECK(scene.first.connection->reads->used() == 1);
  CHECK(scene.second.connection->reads->used() == 1);
  CHECK(scene.seen->principals.back() == scene.first.caller->principal->id());
}

TEST_CASE("what a call gives out belongs to the connection that calls, whosever session the file is of") {
  Scene scene;
  auto service = makeService(kj::addRef(*scene.first.caller));
  auto login = service.loginRequest();
  login.initCredential().setAmbient();
  auto open = login.send().getSession().rootRequest().send().getDirectory().openFileRequest();
  open.setPath("data/a.h5");
  auto file = open.send().wait(scene.waitScope).getFile();
  scene.waitScope.poll();
  const auto before = scene.first.connection->handles;

  // Still pipelined when it is handed on.
  auto handed = handOn(file, *scene.second.caller).castAs<rpc::File>();
  auto find = handed.openRequest();
  find.setPath("frames");
  auto node = find.send().wait(scene.waitScope).getNode();
  CHECK(scene.second.connection->handles == 2);
  CHECK(scene.first.connection->handles == before);

  auto request = node.castAs<rpc::Dataset>().readRequest();
  wire::write(Selection{std::int64_t{42}}, request.initSelection());
  auto held = scene.second.connection->replyBytes->tryTake(4 << 20);  // no room in the budget of the one that calls
  auto reading = request.send();
  scene.server.io.provider->getTimer().afterDelay(50 * kj::MILLISECONDS).wait(scene.waitScope);
  CHECK(!reading.poll(scene.waitScope));
  CHECK(scene.second.connection->replyBytes->waiting() == 1);
  held = nullptr;
  CHECK(reading.wait(scene.waitScope).getPacked().size() == 64 * 64 * 2);

  // The control: room in the other's budget is of no matter.
  held = scene.first.connection->replyBytes->tryTake(4 << 20);
  auto again = node.castAs<rpc::Dataset>().readRequest();
  wire::write(Selection{std::int64_t{42}}, again.initSelection());
  CHECK(again.send().wait(scene.waitScope).getPacked().size() == 64 * 64 * 2);
}

TEST_CASE("what this server did not give out cannot be handed on") {
  Scene scene;
  class Foreign final : public rpc::Dataset::Server {};
  auto handed = handOn(rpc::Dataset::Client(kj::heap<Foreign>()), *scene.second.caller).castAs<rpc::Dataset>();
  CHECK(errorFrom(handed.readRequest().send(), scene.waitScope).code == ErrorCode::denied);
}

TEST_CASE("objects are bounded by the bytes that they keep, and what is dropped makes room") {
  ObjectLimits limits;
  limits.handleBytes = 1 << 20;
  TestServer server(limits);
  Peer peer(server), other(server);
  auto seen = std::make_shared<Seen>();
  std::vector<rpc::Dataset::Client> held;
  auto fill = [&](Peer& whose, std::size_t textBytes) {
    try {
      for (;;)
        held.push_back(handOut<Slow>(*whose.caller, granted(rpc::Access::READ), seen, std::string(textBytes, 'x')));
    } catch (const kj::Exception& problem) {
      CHECK(parseError(problem.getDescription().cStr()).code == ErrorCode::busy);
    }
    auto count = held.size();
    CHECK(whose.handleBytes() > (whose.connection->server.limits.handleBytes >> 2) - textBytes);
    held.clear();
    return count;
  };
  const auto few = fill(peer, 50'000), many = fill(peer, 0);
  CHECK(few >= 8);
  CHECK(few <= 10);  // half of the stock
  CHECK(many > 300);
  CHECK(many < 1000);
  CHECK(peer.handleBytes() == 0);
  CHECK(peer.connection->handles == 0);
  CHECK(fill(other, 0) == many);
}
