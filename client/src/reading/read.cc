#include "client/src/reading/read.h"

#include <algorithm>

#include "client/src/reading/tile-reader.h"
#include "client/src/rpc/checked.h"
#include "core/fields.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

// Whether the selection means the same in every version of a dataset: it counts nothing from the end, and what it
// leaves open cannot grow.
bool isFixed(const Selection& selection, const Dataspace& space) {
  for (std::size_t axis = 0; axis < space.shape.size(); ++axis) {
    bool grows = axis < space.maxShape.size() && space.maxShape[axis] != space.shape[axis];
    if (!grows) continue;
    if (axis >= selection.axes().size()) return false;
    const Axis& wanted = selection.axes()[axis];
    auto* index = std::get_if<std::int64_t>(&wanted);
    auto* range = std::get_if<Range>(&wanted);
    auto* list = std::get_if<Indices>(&wanted);
    bool fixed = (index && *index >= 0) || (range && range->start >= 0 && range->stop >= 0 &&
                                            range->stop <= static_cast<std::int64_t>(space.shape[axis])) ||
                 (list && std::all_of(list->values.begin(), list->values.end(), [](auto i) { return i >= 0; }));
    if (!fixed) return false;
  }
  return true;
}

std::uint64_t byteCount(std::uint64_t elements, const DataType& type) {
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements, std::uint64_t{type.size()}, &bytes) || bytes > PTRDIFF_MAX) {
    throw FileError("the selection has more bytes than fit into memory", ErrorCode::tooLarge);
  }
  return bytes;
}

class ReadJob final : public TileReader::Receiver, public std::enable_shared_from_this<ReadJob> {
 public:
  ReadJob(std::shared_ptr<NodeState> node, Selection selection, const ReadOptions& options, std::shared_ptr<Sink> sink,
          std::weak_ptr<Call> call, SharedNodeInfo info, Shape shape)
      : node_(std::move(node)),
        remote_(node_->remote()),
        selection_(std::move(selection)),
        options_(options),
        sink_(std::move(sink)),
        call_(std::move(call)),
        info_(std::move(info)),
        shape_(std::move(shape)) {}

  kj::Promise<void> run() {
    auto& defaults = node_->connection().options;
    plan_.node = remote_;
    plan_.raiseMissingSources = options_.raiseMissingSources;
    plan_.tileBytes = tileBytes(options_, defaults);
    plan_.windowBytes = windowBytes(options_, defaults);
    plan_.fields = options_.fields;
    if (!selection_.isOrthogonal()) return readElements();
    if (info_ && isFixed(selection_, info_->dataset->space)) {
      useInfo();
      plan_.region = resolve(selection_, info_->dataset->space.shape);
      if (byteCount(plan_.region.elementCount(), plan_.type) > plan_.tileBytes) {
        prepare();
        return readTiles({wholeRegion()});
      }
    }
    return readFirst();
  }

  void piece(std::uint64_t, const Tile& tile, const Piece& piece, rpc::ReadReply::Reader reply) override {
    deliver(piece, tile.region.counts(), tile.inResult, reply);
  }
  bool tileDone(std::uint64_t, const Tile&) override { return true; }
  void noMoreTiles(std::uint64_t) override {}

 private:
  void useInfo() {
    checkReadable(*info_, node_->path());
    plan_.type = typeOfRead(*info_, options_);
    plan_.chunkShape = info_->dataset->chunkShape;
  }

  // Masks and points are cut here, which takes the shape: `startRead` sees to it.
  kj::Promise<void> readElements() {
    useInfo();
    plan_.elements.emplace(selection_, shape_);
    auto count = plan_.elements->elementCount();
    plan_.region = Region{{RegionAxis{0, 1, count, {}, false}}};
    prepare();
    return count == 0 ? kj::Promise<void>(kj::READY_NOW) : readTiles({});
  }

  std::vector<Positions> wholeRegion() const {
    std::vector<Positions> whole;
    for (auto count : plan_.region.counts()) whole.push_back({0, 1, count, {}, false});
    return whole;
  }

  // The server stops, too, when nobody waits any longer, even if it is not told.  Not for tiles: how long one waits for
  // its turn is the link's matter, and its reader goes on waiting while others arrive.
  std::uint32_t deadlineMs() const {
    constexpr std::int64_t grace = 1000;  // the caller's own patience ends first
    return static_cast<std::uint32_t>(
        std::min<std::int64_t>(node_->connection().options.timeout.count() + grace, UINT32_MAX));
  }

  // The one call that is enough for most reads.
  kj::Promise<void> readFirst() {
    ReadTerms terms{0, plan_.tileBytes, options_.raiseMissingSources, plan_.fields, {}, deadlineMs()};
    auto answer = sendRead(*remote_, selection_, terms);
    kj::Promise<void> described = kj::READY_NOW;
    if (!info_) {
      KJ_IF_MAYBE(opened, remote_->opened) { described = opened->addBranch(); }
    }
    return described
        .then([self = shared_from_this(), answer = kj::mv(answer)]() mutable {
          checked([&] {
            if (!self->info_) self->info_ = self->node_->knownInfo();
            self->useInfo();
          });
          return kj::Promise<capnp::Response<rpc::ReadReply>>(kj::mv(answer));
        })
        .then([self = shared_from_this()](capnp::Response<rpc::ReadReply> reply) {
          return checked([&] { return self->receiveFirst(reply); });
        });
  }

  kj::Promise<void> receiveFirst(rpc::ReadReply::Reader reply) {
    plan_.region = resolve(selection_, wire::readShape(reply.getShape()));
    if (wire::readShape(reply.getSelected()) != plan_.region.shape()) {
      throw FileError("the server read another selection than it was asked for", ErrorCode::fileProblem);
    }
    Piece piece = checkPiece(reply, plan_.type, 0, plan_.region.elementCount());
    prepare();
    Shape counts = plan_.region.counts();
    deliver(piece, counts, wholeRegion(), reply);
    if (piece.isLast) return kj::READY_NOW;
    remote_->channel->noteAwaited();
    remote_->channel->noteSent();
    return readTiles(boxesAfter(counts, piece.count));
  }

  void prepare() {
    auto result = sink_->result.lock();
    checkOpen(*result);
    result->type = plan_.type;
    result->shape = plan_.region.shape();
    sink_->elementsTotal = plan_.region.elementCount();
    target_ = sink_->prepare(plan_.type, byteCount(plan_.region.elementCount(), plan_.type));
  }

  static void checkOpen(const Sink::Result& result) {
    if (result.isClosed) throw Busy("the read was given up");
  }

  void deliver(const Piece& piece, const Shape& counts, const std::vector<Positions>& inResult,
               rpc::ReadReply::Reader reply) {
    auto result = sink_->result.lock();
    checkOpen(*result);
    copyPiece(piece, plan_.type, counts, inResult, target_, plan_.region.counts(), result->heap);
    for (auto name : reply.getMissingSources()) {
      auto& names = result->missingSources;
      if (std::find(names.begin(), names.end(), name.cStr()) == names.end()) names.push_back(name);
    }
    if (!result->version.empty() && result->version != piece.version) result->isOfSeveralVersions = true;
    result->version = piece.version;
    if (piece.stability == VersionStability::unsettled) result->stability = VersionStability::unsettled;
    sink_->elementsDone += piece.count;
    if (auto call = call_.lock()) call->noteProgress();
  }

  kj::Promise<void> readTiles(std::vector<std::vector<Positions>> boxes) {
    auto reader = kj::heap<TileReader>(plan_, std::move(boxes), *this);
    auto promise = reader->run();
    return promise.attach(kj::mv(reader), shared_from_this());
  }

  const std::shared_ptr<NodeState> node_;
  const std::shared_ptr<RemoteNode> remote_;
  const Selection selection_;
  const ReadOptions options_;
  const std::shared_ptr<Sink> sink_;
  const std::weak_ptr<Call> call_;
  SharedNodeInfo info_;
  const Shape shape_;  // of the dataset, when single elements are read
  ReadPlan plan_;
  std::span<std::byte> target_;
};

// A mask fits an axis as it is known here; one that grows may be longer by now.
Selection withoutGrowingMasks(const Selection& selection, const Dataspace& space) {
  auto axes = selection.axes();
  for (std::size_t axis = 0; axis < axes.size() && axis < space.maxShape.size(); ++axis) {
    const auto* mask = std::get_if<BitMask>(&axes[axis]);
    if (mask == nullptr || space.maxShape[axis] == space.shape[axis]) continue;
    Indices list;
    for (auto i = mask->next(0); i < mask->size(); i = mask->next(i + 1))
      list.values.push_back(static_cast<std::int64_t>(i));
    axes[axis] = std::move(list);
  }
  return Selection(std::move(axes));
}

// The selection as it travels: without an ellipsis.  One that stands last says nothing; any other needs the rank.
Selection withoutEllipsis(const std::shared_ptr<NodeState>& node, const Selection& selection) {
  if (!selection.isOrthogonal()) return selection;
  auto axes = selection.axes();
  if (!axes.empty() && std::holds_alternative<Ellipsis>(axes.back())) {
    axes.pop_back();
    return Selection(std::move(axes));
  }
  bool hasEllipsis = std::any_of(axes.begin(), axes.end(), [](auto& a) { return std::holds_alternative<Ellipsis>(a); });
  return hasEllipsis ? wire::expandEllipsis(selection, node->shape().size()) : selection;
}

}  // namespace

std::uint64_t tileBytes(const ReadOptions& options, const ConnectOptions& defaults) {
  std::uint64_t bytes = options.tileBytes ? options.tileBytes : defaults.tileBytes;
  return std::clamp<std::uint64_t>(bytes, 1, rpc::MAX_REPLY_BYTES);
}

std::uint64_t windowBytes(const ReadOptions& options, const ConnectOptions& defaults) {
  return options.windowBytes ? options.windowBytes : defaults.windowBytes;
}

void checkReadable(const NodeInfo& info, const std::string& path) {
  if (info.problem) raise(info.problem->code, path + ": " + info.problem->message);
  if (info.kind != NodeKind::dataset || !info.dataset) throw BadType(path + " is no dataset");
  std::string reason = info.dataset->type.unsupportedReason();
  if (!reason.empty()) throw Unimplemented(path + ": " + reason);
  if (info.dataset->space.kind == Dataspace::Kind::null)
    throw BadSelection(path + " has a null space: nothing to read");
}

DataType typeOfRead(const NodeInfo& info, const ReadOptions& options) {
  const auto& type = info.dataset->type;
  return options.fields.empty() ? type : FieldPicker(type, options.fields).type();
}

SharedCall startRead(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                     std::shared_ptr<Sink> sink, std::function<void(const Call&)> whenDone) {
  if (node->file()->wantsSnapshot() && !node->knownInfo()) node->info();  // most likely spares a question
  SharedNodeInfo info = node->knownInfo();
  Shape shape;
  if (!selection.isOrthogonal()) {
    if (!info) {
      node->info();
      info = node->knownInfo();
    }
    checkReadable(*info, node->path());
    typeOfRead(*info, options);
    shape = node->shape();
    Resolved(selection, shape);
  } else if (info) {
    checkReadable(*info, node->path());
    typeOfRead(*info, options);
    if (info->dataset->space.kind == Dataspace::Kind::simple) {
      resolve(selection, info->dataset->space.shape);
    } else {
      info = nullptr;  // an extent that only the server can tell
    }
  }
  auto call = std::make_shared<Call>();
  auto sent = withoutEllipsis(node, selection);
  if (info && sent.isOrthogonal()) sent = withoutGrowingMasks(sent, info->dataset->space);
  auto job = std::make_shared<ReadJob>(node, std::move(sent), options, std::move(sink), call, info,
                                       std::move(shape));
  if (whenDone)
    call->whenDone = [weak = std::weak_ptr<Call>(call), whenDone = std::move(whenDone)] { whenDone(*weak.lock()); };
  node->connection().start(call, [job] { return job->run(); });
  return call;
}

}  // namespace h5cap::detail
