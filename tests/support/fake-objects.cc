#include "tests/support/fake-objects.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <vector>

#include "core/fields.h"
#include "core/pack.h"
#include "core/wire.h"

namespace h5cap::test {

namespace {

Attribute answerAttribute() {
  Attribute answer;
  answer.name = "answer";
  answer.type = counting({}, 1).type;
  answer.value = Attribute::Value{{std::byte{42}}, {}};
  return answer;
}

Shape shapeNow(const FakeServer& server, const FakeDataset& dataset) {
  Shape shape = dataset.shape;
  if (server.rows > 0 && !shape.empty()) shape[0] = server.rows;
  return shape;
}

class AttributesImpl final : public rpc::Attributes::Server {
 public:
  explicit AttributesImpl(World& world) : world_(world) {}

  kj::Promise<void> list(ListContext context) override {
    auto lie = world_.server.lies.lockExclusive()->attributes;
    if (!lie) return wire::toKj(ErrorCode::unimplemented, "no lists of attributes");
    lie(world_.server.pages++, context.getResults());
    return kj::READY_NOW;
  }

  kj::Promise<void> read(ReadContext context) override {
    if (context.getParams().getName() != "answer") return wire::toKj(ErrorCode::notFound, "no such attribute");
    wire::write(answerAttribute(), context.getResults().initAttribute());
    return kj::READY_NOW;
  }

 private:
  World& world_;
};

class DatasetImpl final : public rpc::Dataset::Server {
 public:
  DatasetImpl(World& world, std::string path) : world_(world), path_(std::move(path)) {}

  kj::Promise<void> describe(DescribeContext context) override {
    writeNode(world_, path_, context.getResults().initInfo());
    return kj::READY_NOW;
  }

  kj::Promise<void> attributes(AttributesContext context) override {
    context.getResults().setAttributes(kj::heap<AttributesImpl>(world_));
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
    note(params);
    checkVersion(params.getOptions());
    const Shape nowShape = shapeNow(server, dataset);
    Resolved selection(wire::read(params.getSelection()), nowShape);
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
    const std::uint64_t wholeBytes = size + dataset.heap.size();
    const bool isInParts = server.partBytes > 0 && wholeBytes > server.partBytes && first < total;
    if (isInParts) most = 1;
    if (first < total && selection.isOrthogonal()) run = runFrom(*selection.region(), first, most);
    if (!selection.isOrthogonal()) run.count = std::min(most, total - std::min(first, total));
    if (dataset.neverWritten) run.count = total - first;

    auto results = context.getResults();
    Fault fault = server.fault;
    if (fault == Fault::lastPartsFirst && run.count > 0) {
      if (total != lastTotal_ || sent_ == total) sent_ = 0;
      lastTotal_ = total;
      run = runFrom(*selection.region(), total - sent_ - std::min(most, total - sent_), most);
      sent_ += run.count;
      first = run.first;
    }
    if (fault == Fault::partsTwice && first > 0) run = runFrom(*selection.region(), --first, most);
    if (fault == Fault::partsOutside) run = runFrom(*selection.region(), first, 1);
    results.setVersion(wire::asData(fileInfo(server).version));
    results.setSources(wire::asData(sources()));
    if (fault == Fault::unknownForm) {
      results.initStoredChunks(1);
      return;
    }
    auto shape = results.initShape(nowShape.size());
    for (unsigned i = 0; i < shape.size(); ++i)
      shape.set(i, fault == Fault::hugeShape ? ~std::uint64_t{0} / 2 : nowShape[i]);
    Shape selected = selection.shape();
    if (fault == Fault::wrongSelected) selected.push_back(1);
    auto wireSelected = results.initSelected(selected.size());
    for (unsigned i = 0; i < selected.size(); ++i) wireSelected.set(i, selected[i]);
    results.setFirst(fault == Fault::partsOutside ? total : first + (fault == Fault::wrongFirst ? 1 : 0));
    std::uint64_t count = run.count;
    if (fault == Fault::countTooLarge) count += 1'000'000;
    if (fault == Fault::countTooSmall && count > 0) --count;
    if (fault == Fault::noProgress) count = 0;
    results.setCount(count);
    const bool saysThereIsMore = first + run.count < total && fault != Fault::noNext;
    if (saysThereIsMore || fault == Fault::noProgress) results.initNext().setElement(first + count);

    if (dataset.neverWritten) {
      results.initFill(size);
      return;
    }
    if (isInParts) {
      Bytes whole = elementsOf(dataset, selection, run, first);
      whole.insert(whole.end(), dataset.heap.begin(), dataset.heap.end());
      if (server.showsVersion) std::fill(whole.begin(), whole.end(), static_cast<std::byte>(server.fileVersion.load()));
      writePart(whole, params.getOptions().getCursor().getByte(), results);
      if (auto lie = server.lies.lockExclusive()->reply) lie(results);
      change();
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
    if (server.showsVersion) {
      for (auto& byte : packed) byte = static_cast<kj::byte>(server.fileVersion + 16 * server.sourceVersion);
    }
    if (fault == Fault::placeOutsideHeap) {
      for (auto& byte : packed) byte = 0x7f;
    }
    results.setHeap(wire::asData(dataset.heap));
    if (auto lie = server.lies.lockExclusive()->reply) lie(results);
    change();
  }

  void writePart(const Bytes& whole, std::uint64_t first, rpc::ReadReply::Builder results) {
    if (first >= whole.size()) throw BadSelection("a cursor beyond the element");
    const std::uint64_t count = std::min<std::uint64_t>(whole.size() - first, world_.server.partBytes);
    results.setCount(0);
    auto part = results.initPart();
    part.setFirst(first);
    part.setTotal(whole.size());
    auto bytes = part.initBytes(static_cast<unsigned>(count));
    std::memcpy(bytes.begin(), whole.data() + first, count);
  }

  // Of a file with a SWMR writer all versions will do.
  void checkVersion(rpc::ReadOptions::Reader options) {
    auto& server = world_.server;
    const bool isOther = options.hasIfVersion() && wire::readBytes(options.getIfVersion()) != fileInfo(server).version;
    const auto sources = wire::readBytes(options.getIfSources());
    const bool hasOthers = !sources.empty() && sources[0] != static_cast<std::byte>(server.sourceVersion.load());
    if ((isOther && !server.isSwmr) || hasOthers) throw FileError(path_ + ": another version", ErrorCode::changed);
  }

  Bytes sources() {
    auto& server = world_.server;
    if (server.sources == FakeSources::none) return {};
    return {static_cast<std::byte>(server.sourceVersion.load())};
  }

  void change() {
    auto& server = world_.server;
    if (server.changesAfter > 0 && --server.changesAfter == 0) ++server.fileVersion;
    if (server.changesEvery > 0 && ++answered_ % server.changesEvery == 0) ++server.fileVersion;
    if (server.sourcesChangeAfter > 0 && --server.sourcesChangeAfter == 0) ++server.sourceVersion;
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
    auto options = params.getOptions();
    server.seen.lockExclusive()->push_back({options.getCursor().getElement(), options.getCursor().getByte(),
                                            options.getReplyBytes(),
                                            wire::readBytes(options.getIfVersion()),
                                            wire::readBytes(options.getIfSources())});
    server.pointsAsked += params.getSelection().getPoints().size();
    server.maskBytesAsked += params.getSelection().getMask().size();
    for (auto axis : params.getSelection().getAxes()) {
      if (axis.isIndices()) server.indicesAsked += axis.getIndices().size();
      if (axis.isMask()) server.maskBytesAsked += axis.getMask().size();
    }
  }

  World& world_;
  std::string path_;
  std::uint64_t lastTotal_ = 0, sent_ = 0;
  int answered_ = 0;
};

class FileImpl final : public rpc::File::Server {
 public:
  explicit FileImpl(World& world) : world_(world) {}

  kj::Promise<void> attributes(AttributesContext context) override {
    context.getResults().setAttributes(kj::heap<AttributesImpl>(world_));
    return kj::READY_NOW;
  }

  kj::Promise<void> list(ListContext context) override {
    auto lie = world_.server.lies.lockExclusive()->links;
    if (!lie) return wire::toKj(ErrorCode::unimplemented, "no lists of links");
    lie(world_.server.pages++, context.getResults());
    return kj::READY_NOW;
  }

  kj::Promise<void> open(OpenContext context) override {
    auto& server = world_.server;
    ++server.opens;
    if (server.hangUpsOnOpen > 0) {
      --server.hangUpsOnOpen;
      server.hangUp = true;
      return kj::NEVER_DONE;
    }
    std::string path = context.getParams().getPath();
    if (path.empty() || path[0] != '/') path = "/" + path;
    try {
      auto results = context.getResults();
      writeNode(world_, path, results.initInfo());
      writeFile(world_, results.initFile());
      results.setNode(nodeAt(path));
    } catch (const std::exception& error) {
      return wire::toKj(error);
    }
    return kj::READY_NOW;
  }

  // A token is a path, and no path is known that leads to what it names.
  kj::Promise<void> dereference(DereferenceContext context) override {
    auto token = context.getParams().getToken();
    const std::string path(token.asChars().begin(), token.size());
    try {
      auto results = context.getResults();
      writeNode(world_, path, results.initInfo());
      wire::write(Hyperslab(), results.initStored());
      if (auto lie = world_.server.lies.lockExclusive()->stored) lie(results.getStored());
      results.setNode(nodeAt(path));
    } catch (const std::exception& error) {
      return wire::toKj(error);
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> stat(StatContext context) override {
    writeFile(world_, context.getResults().initInfo());
    return kj::READY_NOW;
  }

  // Byte i is i, modulo 256.
  kj::Promise<void> readBytes(ReadBytesContext context) override {
    auto& server = world_.server;
    const FileInfo info = fileInfo(server);
    ++server.reads;
    const auto wanted = wire::readBytes(context.getParams().getIfVersion());
    if (server.followsVersions && !wanted.empty() && wanted != info.version && !server.isSwmr)
      return wire::toKj(ErrorCode::changed, "file.h5: another version");
    const std::uint64_t offset = std::min(context.getParams().getOffset(), info.size);
    auto count = std::min<std::uint64_t>(context.getParams().getCount(), info.size - offset);
    count = std::min<std::uint64_t>(count, server.maxReplyBytes);
    auto bytes = context.getResults().initBytes(static_cast<unsigned>(count));
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<capnp::byte>(offset + i);
    if (server.showsVersion) {
      for (auto& byte : bytes) byte = static_cast<capnp::byte>(server.fileVersion);
    }
    context.getResults().setVersion(wire::asData(info.version));
    if (server.changesAfter > 0 && --server.changesAfter == 0) ++server.fileVersion;
    if (server.changesEvery > 0 && server.reads % server.changesEvery == 0) ++server.fileVersion;
    return kj::READY_NOW;
  }

  kj::Promise<void> seal(SealContext context) override {
    ++world_.server.seals;
    context.getResults().setTicket(wire::asData(world_.server.ticket()));
    return kj::READY_NOW;
  }

 private:
  rpc::Node::Client nodeAt(const std::string& path) {
    if (infoOf(world_.server, path).kind == NodeKind::dataset) return kj::heap<DatasetImpl>(world_, path);
    return thisCap();
  }

  World& world_;
};

}  // namespace

FileInfo fileInfo(const FakeServer& server) {
  FileInfo info;
  info.path = "file.h5";
  info.size = 4096;
  info.rootId = 1;
  info.version = {static_cast<std::byte>(server.fileVersion.load())};
  info.isSwmr = server.isSwmr;
  return info;
}

NodeInfo infoOf(const FakeServer& server, const std::string& path) {
  auto& datasets = server.datasets;
  NodeInfo info;
  info.attributesComplete = true;
  if (path == "/") {
    info.id = 1;
    info.kind = NodeKind::group;
    info.linksComplete = true;
    std::uint64_t id = server.firstId;
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
    info.attributes.push_back(answerAttribute());
    return info;
  }
  auto found = datasets.find(path);
  if (found == datasets.end()) throw NotFound(path + ": no such object");
  info.id = server.firstId + static_cast<std::uint64_t>(std::distance(datasets.begin(), found));
  info.kind = NodeKind::dataset;
  info.attributesComplete = !found->second.attributesElsewhere;
  DatasetInfo dataset;
  dataset.type = found->second.type;
  dataset.space.maxShape = found->second.shape;
  dataset.space.shape = shapeNow(server, found->second);
  dataset.layout = found->second.chunkShape.empty() ? Layout::contiguous : Layout::chunked;
  dataset.chunkShape = found->second.chunkShape;
  info.dataset = dataset;
  return info;
}

void writeNode(World& world, const std::string& path, rpc::NodeInfo::Builder builder) {
  wire::write(infoOf(world.server, path), builder);
  if (auto lie = world.server.lies.lockExclusive()->node) lie(builder);
}

void writeFile(World& world, rpc::FileInfo::Builder builder) {
  wire::write(fileInfo(world.server), builder);
  if (auto lie = world.server.lies.lockExclusive()->file) lie(builder);
}

rpc::File::Client fakeFile(World& world) { return kj::heap<FileImpl>(world); }

}  // namespace h5cap::test
