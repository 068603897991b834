#include "client/src/reading/read.h"

#include <algorithm>
#include <chrono>

#include "client/src/reading/known-extent.h"
#include "client/src/reading/one-version.h"
#include "client/src/reading/tile-reader.h"
#include "client/src/rpc/checked.h"
#include "core/checked-size.h"
#include "core/fields.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

std::uint64_t byteCount(std::uint64_t elements, const DataType& type) {
  const auto bytes = CheckedSize(elements) * type.size();
  if (!bytes.isAtMost(PTRDIFF_MAX))
    throw FileError("the selection has more bytes than fit into memory", ErrorCode::tooLarge);
  return *bytes.fits();
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
        shape_(std::move(shape)) {
    auto& defaults = node_->connection().options;
    plan_.node = remote_;
    plan_.raiseMissingSources = options_.raiseMissingSources;
    plan_.tileBytes = tileBytes(options_, defaults);
    plan_.windowBytes = windowBytes(options_, defaults);
    plan_.fields = options_.fields;
    giveUpAt_ = Clock::now() + defaults.timeout;
  }

  // Begins again where the file changed meanwhile, a few times.
  kj::Promise<void> run() {
    ++beginnings_;
    plan_.begun.reset();
    plan_.version = std::make_shared<OneVersion>(node_->path(), options_.ifVersion,
                                                 [node = node_] { return node->isKnownToBeFollowed(); });
    return kj::evalNow([this] { return checked([&] { return begin(); }); })
        .catch_([self = shared_from_this()](kj::Exception&& problem) -> kj::Promise<void> {
          if (!self->mayBeginAgain()) return kj::mv(problem);
          self->startOver();
          return self->run();
        });
  }

  void piece(std::uint64_t, const Tile& tile, const Reply& reply) override {
    deliver(reply, tile.region.counts(), tile.inResult);
  }
  void partArrived(std::uint64_t) override {
    checkOpen(*sink_->result.lock());
    if (auto call = call_.lock()) call->noteProgress();
  }
  bool tileDone(std::uint64_t, const Tile&) override { return true; }
  void noMoreTiles(std::uint64_t) override {}

 private:
  using Clock = std::chrono::steady_clock;

  kj::Promise<void> begin() {
    if (!selection_.isOrthogonal()) return readElements();
    if (info_) useInfo();
    if (info_ && plan_.pace == Pace::atOnce && isFixed(selection_, info_->dataset->space)) {
      plan_.region = resolve(selection_, info_->dataset->space.shape);
      if (byteCount(plan_.region.elementCount(), plan_.type) > plan_.tileBytes) {
        prepare();
        return readTiles({wholeRegion()});
      }
    }
    return readFirst();
  }

  bool mayBeginAgain() const {
    return plan_.version->hasChanged() && beginnings_ < MOST_BEGINNINGS && Clock::now() < giveUpAt_;
  }

  void startOver() {
    plan_.pace = Pace::afterTheFirst;
    // A mask that fitted the axis may not fit any more; the elements that it means may still be there.
    if (info_ && selection_.isOrthogonal()) selection_ = withoutMasks(selection_);
    auto result = sink_->result.lock();
    const bool wasClosed = result->isClosed;
    *result = {};
    result->isClosed = wasClosed;
    sink_->elementsDone = sink_->elementsTotal = 0;
    remote_->channel->noteAwaited();
    remote_->channel->noteSent();
  }

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
    ReadTerms terms;
    terms.replyBytes = plan_.tileBytes;
    terms.raiseMissingSources = options_.raiseMissingSources;
    terms.fields = plan_.fields;
    terms.ifVersion = plan_.version->held();
    terms.deadlineMs = deadlineMs();
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
        .then(
            [self = shared_from_this(), asked = terms.ifVersion](capnp::Response<rpc::ReadReply> reply) {
              return checked([&] { return self->receiveFirst(asked, reply); });
            },
            [self = shared_from_this(), wasKnown = info_ != nullptr](kj::Exception&& problem) -> kj::Promise<void> {
              const bool isAboutVersion = wasKnown || codeOf(problem) == ErrorCode::changed;
              if (isAboutVersion) self->plan_.version->refused(kj::mv(problem));
              return kj::mv(problem);
            });
  }

  kj::Promise<void> receiveFirst(const ReadVersion& asked, rpc::ReadReply::Reader wire) {
    Reply reply = readReply(wire, plan_.type);
    plan_.version->take(asked, reply.version);
    resolveIn(reply.shape);
    if (reply.selected != plan_.region.shape()) {
      throw FileError("the server read another selection than it was asked for", ErrorCode::fileProblem);
    }
    if (std::holds_alternative<Unchanged>(reply.body)) {
      throw FileError("the server says that nothing has changed, and nothing was known", ErrorCode::fileProblem);
    }
    Parts parts(plan_.region.elementCount());
    parts.add(runOf(reply.body));
    prepare();
    Shape counts = plan_.region.counts();
    if (auto* part = std::get_if<PartRun>(&reply.body)) {
      plan_.begun.emplace(plan_.type, 0);
      plan_.begun->take(*part);
      if (!plan_.type.hasVariable()) deliver(reply, counts, wholeRegion());
      remote_->channel->noteAwaited();
      remote_->channel->noteSent();
      return readTiles({wholeRegion()});
    }
    deliver(reply, counts, wholeRegion());
    if (parts.isComplete())
      return plan_.version->isToBeChecked() ? readTiles({}) : kj::Promise<void>(kj::READY_NOW);
    if (runOf(reply.body).count == 0) {
      throw FileError("the server sent a reply that brings nothing", ErrorCode::fileProblem);
    }
    remote_->channel->noteAwaited();
    remote_->channel->noteSent();
    std::vector<std::vector<Positions>> rest;
    for (auto gap : parts.gaps()) {
      for (auto& box : boxesOf(counts, gap)) rest.push_back(std::move(box));
    }
    return readTiles(std::move(rest));
  }

  // A server cannot tell a mask of ten elements from one of fifteen, so it is noticed here.
  void resolveIn(const Shape& shape) {
    try {
      plan_.region = resolve(selection_, shape);
    } catch (const BadSelection&) {
      if (!info_) throw;
      plan_.version->reshaped();
    }
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

  void deliver(const Reply& reply, const Shape& counts, const std::vector<Positions>& inResult) {
    auto result = sink_->result.lock();
    checkOpen(*result);
    place(reply.body, plan_.type, counts, inResult, target_, plan_.region.counts(), result->heap);
    for (auto& name : reply.missingSources) {
      auto& names = result->missingSources;
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    // Of a file with a SWMR writer.
    if (!result->version.file.empty() && result->version.file != reply.version.file) result->isOfSeveralVersions = true;
    result->version = plan_.version->held();
    if (reply.stability == VersionStability::unsettled) result->stability = VersionStability::unsettled;
    sink_->elementsDone += runOf(reply.body).count;
    if (auto call = call_.lock()) call->noteProgress();
  }

  kj::Promise<void> readTiles(std::vector<std::vector<Positions>> boxes) {
    auto reader = kj::heap<TileReader>(plan_, std::move(boxes), *this);
    auto promise = reader->run();
    return promise.attach(kj::mv(reader), shared_from_this());
  }

  const std::shared_ptr<NodeState> node_;
  const std::shared_ptr<RemoteNode> remote_;
  Selection selection_;
  const ReadOptions options_;
  const std::shared_ptr<Sink> sink_;
  const std::weak_ptr<Call> call_;
  SharedNodeInfo info_;
  const Shape shape_;  // of the dataset, when single elements are read
  ReadPlan plan_;
  std::span<std::byte> target_;
  int beginnings_ = 0;
  Clock::time_point giveUpAt_;  // no other beginning later than that
};

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
  auto sent = withoutEllipsis(*node, selection);
  if (info && sent.isOrthogonal()) sent = withoutGrowingMasks(sent, info->dataset->space);
  auto job = std::make_shared<ReadJob>(node, std::move(sent), options, std::move(sink), call, info,
                                       std::move(shape));
  if (whenDone)
    call->whenDone = [weak = std::weak_ptr<Call>(call), whenDone = std::move(whenDone)] { whenDone(*weak.lock()); };
  node->connection().start(call, [job] { return job->run(); });
  return call;
}

}  // namespace h5cap::detail
