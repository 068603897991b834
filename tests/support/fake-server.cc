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
#include "core/fields.h"
#include "core/pack.h"
#include "core/wire.h"

namespace h5cap::test {

namespace {

struct World {
  FakeServer& server;
  kj::Timer& timer;
};

NodeInfo infoOf(const std::map<std::string, FakeDataset>& datasets, const std::string& path) {
  NodeInfo info;
  info.attributesComplete = true;
  if (path == "/") {
    info.id = 1;
    info.kind = NodeKind::group;
    info.linksComplete = true;
    std::uint64_t id = 2;
    for (auto& [name, dataset] : datasets) {
      Link link;
      link.name = name.substr(1);
      link.target = HardLink{id++, NodeKind::dataset};
      info.links.push_back(link);
    }
    info.linkCount = info.links.size();
    // Soft links, of which one dangles.
    Link soft;
    soft.name = "soft";
    soft.target = SoftLink{datasets.begin()->first};
    info.links.push_back(soft);
    soft.name = "zdangling";
    soft.target = SoftLink{"/nowhere"};
    info.links.push_back(soft);
    Attribute answer;
    answer.name = "answer";
    answer.type = counting({}, 1).type;
    answer.value = Attribute::Value{{std::byte{42}}, {}};
    info.attributes.push_back(answer);
    return info;
  }
  auto found = datasets.find(path);
  if (found == datasets.end()) throw NotFound(path + ": no such object");
  info.id = 2 + static_cast<std::uint64_t>(std::distance(datasets.begin(), found));
  info.kind = NodeKind::dataset;
  DatasetInfo dataset;
  dataset.type = found->second.type;
  dataset.space.shape = dataset.space.maxShape = found->second.shape;
  dataset.layout = found->second.chunkShape.empty() ? Layout::contiguous : Layout::chunked;
  dataset.chunkShape = found->second.chunkShape;
  info.dataset = dataset;
  return info;
}

class DatasetImpl final : public rpc::Dataset::Server {
 public:
  DatasetImpl(World& world, std::string path) : world_(world), path_(std::move(path)) {}

  kj::Promise<void> describe(DescribeContext context) override {
    wire::write(infoOf(world_.server.datasets, path_), context.getResults().initInfo());
    return kj::READY_NOW;
  }

  kj::Promise<void> read(ReadContext context) override {
    context.allowCancellation();
    auto& server = world_.server;
    ++server.reads;
    int underWay = ++server.readsUnderWay;
    if (underWay > server.mostReadsUnderWay) server.mostReadsUnderWay = underWay;
    auto done = kj::defer([&server] { --server.readsUnderWay; });
    if (server.fault == Fault::neverAnswers) return kj::Promise<void>(kj::NEVER_DONE).attach(kj::mv(done));
    if (server.fault == Fault::hangsUpOnRead) {
      server.hangUp = true;
      return kj::Promise<void>(kj::NEVER_DONE).attach(kj::mv(done));
    }
    kj::Promise<void> ready = kj::READY_NOW;
    if (server.delayMs > 0) ready = world_.timer.afterDelay(server.delayMs.load() * kj::MILLISECONDS);
    return ready.then([this, context]() mutable { answer(context); }).attach(kj::mv(done));
  }

 private:
  void answer(ReadContext context) {
    try {
      fill(context);
    } catch (const kj::Exception&) {
      throw;
    } catch (const std::exception& error) {
      kj::throwFatalException(wire::toKj(error));
    }
  }

  void fill(ReadContext context) {
    auto& server = world_.server;
    auto& dataset = server.datasets.at(path_);
    auto params = context.getParams();
    Resolved selection(wire::read(params.getSelection()), dataset.shape);
    note(params);
    std::uint64_t total = selection.elementCount();
    std::uint64_t first = params.getOptions().getCursor().getElement();
    std::uint64_t wanted = params.getOptions().getReplyBytes();
    std::uint64_t limit = std::min<std::uint64_t>(wanted ? wanted : 1 << 20, server.maxReplyBytes);
    std::vector<std::string> fields;
    for (auto name : params.getOptions().getFields()) fields.push_back(name);
    std::optional<FieldPicker> picker;
    if (!fields.empty()) picker.emplace(dataset.type, fields);
    std::size_t size = picker ? picker->type().size() : dataset.type.size();
    Run run;
    std::uint64_t most = std::max<std::uint64_t>(limit / size, 1);
    if (first < total && selection.isOrthogonal()) run = runFrom(*selection.region(), first, most);
    if (!selection.isOrthogonal()) run.count = std::min(most, total - std::min(first, total));
    if (dataset.neverWritten) run.count = total - first;

    auto results = context.getResults();
    Fault fault = server.fault;
    auto shape = results.initShape(dataset.shape.size());
    for (unsigned i = 0; i < shape.size(); ++i) shape.set(i, fault == Fault::hugeShape ? ~std::uint64_t{0} / 2 : dataset.shape[i]);
    Shape selected = selection.shape();
    if (fault == Fault::wrongSelected) selected.push_back(1);
    auto wireSelected = results.initSelected(selected.size());
    for (unsigned i = 0; i < selected.size(); ++i) wireSelected.set(i, selected[i]);
    results.setFirst(first + (fault == Fault::wrongFirst ? 1 : 0));
    std::uint64_t count = run.count;
    if (fault == Fault::countTooLarge) count += 1'000'000;
    if (fault == Fault::countTooSmall && count > 0) --count;
    if (fault == Fault::noProgress) count = 0;
    results.setCount(count);
    if (first + run.count < total || fault == Fault::noProgress) results.initNext().setElement(first + count);

    if (dataset.neverWritten) {
      results.initFill(size);
      return;
    }
    std::uint64_t bytes = run.count * size;
    if (fault == Fault::bytesMissing && bytes > 0) --bytes;
    if (fault == Fault::noProgress) bytes = 0;
    if (fault == Fault::oversizedMessage) bytes = 70 << 20;
    auto packed = results.initPacked(bytes);
    if (!dataset.elements.empty() && bytes == run.count * size && run.count > 0) {
      auto whole = elementsOf(dataset, selection, run, first);
      std::span<std::byte> target{reinterpret_cast<std::byte*>(packed.begin()), packed.size()};
      if (picker) {
        picker->pick(whole, target);
      } else {
        std::copy(whole.begin(), whole.end(), target.begin());
      }
    }
    if (fault == Fault::placeOutsideHeap) {
      for (auto& byte : packed) byte = 0x7f;
    }
    results.setHeap(wire::asData(dataset.heap));
  }

  // Whole elements, as many as the run has.
  static Bytes elementsOf(const FakeDataset& dataset, const Resolved& selection, const Run& run, std::uint64_t first) {
    std::size_t size = dataset.type.size(), rank = dataset.shape.size();
    Bytes out(run.count * size);
    if (selection.isOrthogonal()) {
      Shape counts = run.part.counts();
      std::vector<Positions> all;
      for (auto extent : counts) all.push_back({0, 1, extent, {}, false});
      copyElements(dataset.elements, dataset.shape, run.part.axes, out, counts, all, size);
      return out;
    }
    auto coordinates = selection.coordinates(first, run.count);
    for (std::uint64_t i = 0; i < run.count; ++i) {
      std::uint64_t number = 0;
      for (std::size_t k = 0; k < rank; ++k) number = number * dataset.shape[k] + coordinates[i * rank + k];
      std::memcpy(&out[i * size], &dataset.elements[number * size], size);
    }
    return out;
  }

  // Counts what the selections of calls are made of.
  void note(rpc::Dataset::ReadParams::Reader params) {
    auto& server = world_.server;
    server.pointsAsked += params.getSelection().getPoints().size();
    server.maskBytesAsked += params.getSelection().getMask().size();
    for (auto axis : params.getSelection().getAxes()) {
      if (axis.isIndices()) server.indicesAsked += axis.getIndices().size();
      if (axis.isMask()) server.maskBytesAsked += axis.getMask().size();
    }
  }

  World& world_;
  std::string path_;
};

class FileImpl final : public rpc::File::Server {
 public:
  explicit FileImpl(World& world) : world_(world) {}

  kj::Promise<void> open(OpenContext context) override {
    ++world_.server.opens;
    std::string path = context.getParams().getPath();
    if (path.empty() || path[0] != '/') path = "/" + path;
    try {
      NodeInfo info = infoOf(world_.server.datasets, path);
      auto results = context.getResults();
      wire::write(info, results.initInfo());
      wire::write(fileInfo(), results.initFile());
      if (info.kind == NodeKind::dataset) {
        results.setNode(kj::heap<DatasetImpl>(world_, path));
      } else {
        results.setNode(thisCap());
      }
    } catch (const std::exception& error) {
      return wire::toKj(error);
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> stat(StatContext context) override {
    wire::write(fileInfo(), context.getResults().initInfo());
    return kj::READY_NOW;
  }

  static FileInfo fileInfo() {
    FileInfo info;
    info.path = "file.h5";
    info.size = 4096;
    info.rootId = 1;
    return info;
  }

 private:
  World& world_;
};

class DirectoryImpl final : public rpc::Directory::Server {
 public:
  explicit DirectoryImpl(World& world) : world_(world) {}

  kj::Promise<void> list(ListContext context) override {
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
    auto results = context.getResults();
    results.setFile(kj::heap<FileImpl>(world_));
    wire::write(FileImpl::fileInfo(), results.initInfo());
    if (context.getParams().getOptions().getSnapshotBytes() > 0) {
      auto& datasets = world_.server.datasets;
      auto nodes = results.initSnapshot().initNodes(datasets.size() + 1);
      wire::write(infoOf(datasets, "/"), nodes[0]);
      unsigned index = 1;
      for (auto& [name, dataset] : datasets) wire::write(infoOf(datasets, name), nodes[index++]);
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
