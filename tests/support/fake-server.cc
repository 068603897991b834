#include "tests/support/fake-server.h"

#include <stdlib.h>
#include <unistd.h>

#include <capnp/rpc-twoparty.h>
#include <h5cap/service.capnp.h>
#include <kj/async-io.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/endpoint.h"
#include "core/wire.h"
#include "tests/support/fake-objects.h"

namespace h5cap::test {

namespace {

class DirectoryImpl final : public rpc::Directory::Server {
 public:
  explicit DirectoryImpl(World& world) : world_(world) {}

  kj::Promise<void> list(ListContext context) override {
    if (auto lie = world_.server.lies.lockExclusive()->entries) {
      lie(world_.server.pages++, context.getResults());
      return kj::READY_NOW;
    }
    // Two pages of one entry each.
    bool isFirst = context.getParams().getCursor().size() == 0;
    auto entries = context.getResults().initEntries(1);
    entries[0].setName(isFirst ? "file.h5" : "folder");
    entries[0].setIsDirectory(!isFirst);
    if (isFirst) context.getResults().setNext(kj::StringPtr("more").asBytes());
    return kj::READY_NOW;
  }

  kj::Promise<void> openFile(OpenFileContext context) override {
    std::string path = context.getParams().getPath();
    if (path != "file.h5") {
      auto code = path == "secret.h5" ? ErrorCode::denied : ErrorCode::notFound;
      return wire::toKj(code, path + ": no such file");
    }
    ++world_.server.fileOpens;
    if (world_.server.isLocked) return wire::toKj(ErrorCode::denied, path + ": not for everybody");
    auto results = context.getResults();
    results.setFile(fakeFile(world_));
    writeFile(world_, results.initInfo());
    if (context.getParams().getOptions().getSnapshotBytes() > 0) {
      auto& datasets = world_.server.datasets;
      auto nodes = results.initSnapshot().initNodes(datasets.size() + 1);
      writeNode(world_, "/", nodes[0]);
      unsigned index = 1;
      for (auto& [name, dataset] : datasets) writeNode(world_, name, nodes[index++]);
      if (auto lie = world_.server.lies.lockExclusive()->snapshot) lie(results.getSnapshot());
    }
    return kj::READY_NOW;
  }

 private:
  World& world_;
};

class SessionImpl final : public rpc::Session::Server {
 public:
  explicit SessionImpl(World& world) : world_(world) {}

  kj::Promise<void> root(RootContext context) override {
    context.getResults().setDirectory(kj::heap<DirectoryImpl>(world_));
    return kj::READY_NOW;
  }

  kj::Promise<void> ping(PingContext context) override {
    context.getResults().setPayload(context.getParams().getPayload());
    return kj::READY_NOW;
  }

 private:
  World& world_;
};

class ServiceImpl final : public rpc::Service::Server {
 public:
  explicit ServiceImpl(World& world) : world_(world) {}

  kj::Promise<void> hello(HelloContext context) override {
    auto info = context.getResults().initServer();
    info.setSoftware("fake 1");
    info.setProtocol(rpc::PROTOCOL_VERSION);
    return kj::READY_NOW;
  }

  kj::Promise<void> login(LoginContext context) override {
    context.getResults().setSession(kj::heap<SessionImpl>(world_));
    return kj::READY_NOW;
  }

  kj::Promise<void> restore(RestoreContext context) override {
    auto& server = world_.server;
    ++server.restores;
    if (wire::readBytes(context.getParams().getTicket()) != server.ticket()) {
      return wire::toKj(server.refusal, "the ticket is none of this server's, has ended, or is another user's");
    }
    auto results = context.getResults();
    results.setObject(fakeFile(world_));
    writeNode(world_, "/", results.initInfo());
    writeFile(world_, results.initFile());
    return kj::READY_NOW;
  }

 private:
  World& world_;
};

struct Client {
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> system;

  Client(kj::Own<kj::AsyncIoStream> accepted, World& world)
      : stream(kj::mv(accepted)),
        network(*stream, capnp::rpc::twoparty::Side::SERVER, wide()),
        system(capnp::makeRpcServer(network, capnp::Capability::Client(kj::heap<ServiceImpl>(world)))) {}

  // `send` holds our own replies to our receive limit, and one of the faults is an oversized reply.
  static capnp::ReaderOptions wide() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 1 << 25;
    return options;
  }
};

struct Listener final : kj::TaskSet::ErrorHandler {
  kj::Own<kj::ConnectionReceiver> receiver;
  World& world;
  std::vector<std::unique_ptr<Client>> clients;
  kj::TaskSet tasks;

  Listener(kj::Own<kj::ConnectionReceiver> receiver, World& world)
      : receiver(kj::mv(receiver)), world(world), tasks(*this) {
    accept();
  }

  void accept() {
    tasks.add(receiver->accept().then([this](kj::Own<kj::AsyncIoStream> stream) {
      ++world.server.connections;
      clients.push_back(std::make_unique<Client>(kj::mv(stream), world));
      auto* client = clients.back().get();
      tasks.add(client->network.onDisconnect().then([this, client] {
        clients.erase(std::find_if(clients.begin(), clients.end(), [&](auto& c) { return c.get() == client; }));
      }));
      accept();
    }));
  }

  void taskFailed(kj::Exception&&) override {}
};

}  // namespace

FakeDataset counting(Shape shape, std::uint32_t bytesEach, Shape chunkShape) {
  FakeDataset dataset;
  IntegerType integer;
  integer.precision = static_cast<std::uint16_t>(8 * bytesEach);
  dataset.type = DataType(bytesEach, integer);
  dataset.shape = std::move(shape);
  dataset.chunkShape = std::move(chunkShape);
  std::uint64_t count = elementCount(dataset.shape);
  dataset.elements.resize(count * bytesEach);
  for (std::uint64_t i = 0; i < count; ++i) std::memcpy(&dataset.elements[i * bytesEach], &i, bytesEach);
  return dataset;
}

FakeServer::FakeServer(std::map<std::string, FakeDataset> datasets) : datasets(std::move(datasets)) {
  char name[] = "/tmp/h5cap-fake-XXXXXX";
  if (mkdtemp(name) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  socket_ = folder_ + "/socket";
  thread_ = std::thread([this] { run(); });
  while (!isListening_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

FakeServer::~FakeServer() {
  stop_ = true;
  thread_.join();
  unlink(socket_.c_str());
  rmdir(folder_.c_str());
}

std::string FakeServer::url(const std::string& path) const {
  Address address;
  address.endpoint.transport = Transport::unixSocket;
  address.endpoint.socket = socket_;
  address.path = path;
  return format(address);
}

Bytes FakeServer::ticket() const { return {std::byte{0x74}, static_cast<std::byte>(runs_.load())}; }

void FakeServer::restart() {
  ++runs_;
  hangUp = true;
  while (hangUp) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void FakeServer::run() {
  auto io = kj::setupAsyncIo();
  World world{*this, io.provider->getTimer()};
  auto address = io.provider->getNetwork().parseAddress(("unix:" + socket_).c_str()).wait(io.waitScope);
  auto listener = kj::heap<Listener>(address->listen(), world);
  isListening_ = true;
  while (!stop_) {
    world.timer.afterDelay(2 * kj::MILLISECONDS).wait(io.waitScope);
    if (!hangUp) continue;
    listener = nullptr;
    unlink(socket_.c_str());
    listener = kj::heap<Listener>(address->listen(), world);
    hangUp = false;
  }
  listener = nullptr;
}

}  // namespace h5cap::test
