// A read is: which version, which plan, carry it out, see whether all of it still is as it was.
#include "server/reading/dataset-reader.h"

#include <algorithm>
#include <memory>
#include <set>

#include "core/fields.h"
#include "core/heap.h"
#include "core/plan/cut.h"
#include "core/plan/origin.h"
#include "core/source-name.h"
#include "core/type-digest.h"
#include "server/base/guarded.h"
#include "server/reading/plan-run.h"
#include "server/reading/planning.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {
namespace {

// The first guess at how many variable-length elements fit a reply.
constexpr std::uint64_t maxVariableElements = 16384;

// Single elements of a virtual dataset or of raw files in one reply: in the worst case each is looked for by itself.
constexpr std::uint64_t maxElsewhere = 16'384;

// Whole elements of which one reply carries some fields.
constexpr std::uint64_t maxWholeBytes = 16 << 20;

// A mask along an axis becomes a list.
constexpr std::uint64_t maxMaskedIndices = 4 << 20;

void checkMasks(const Selection& selection) {
  for (const auto& axis : selection.axes()) {
    const auto* mask = std::get_if<BitMask>(&axis);
    if (mask != nullptr && mask->count() > maxMaskedIndices)
      throw FileError("a mask along an axis with more than 4 million indices", ErrorCode::tooLarge);
  }
}

class DatasetRead {
 public:
  DatasetRead(NodePlace place, ReadRequest request, ElementSpace& space)
      : place_(kj::mv(place)), request_(std::move(request)), space_(space), server_(place_.file->session().server),
        giveUp_(server_.timer.now() + server_.limits.changedFor.count() * kj::MILLISECONDS) {}

  kj::Promise<ReadResult> run() {
    auto reading =
        firstVersion().then([this](kj::Own<FileVersion> version) { return attemptUntilUnchanged(kj::mv(version)); });
    if (!place_.file->grant().isTemporary()) return reading;
    return place_.file->grant().during(server_.timer, place_.file->shownPath(), kj::mv(reading));
  }

 private:
  // Which version.

  // SWMR files grow all the time, and reads of them want the newest; what has settled is checked after the read.
  kj::Promise<kj::Own<FileVersion>> firstVersion() {
    KJ_IF_MAYBE(known, place_.file->latest()) {
      if ((*known)->isSwmr() == false) return kj::mv(*known);
      auto info = (*known)->info();
      return info.then([this, latest = kj::mv(*known)](std::shared_ptr<const FileInfo> info) mutable
                       -> kj::Promise<kj::Own<FileVersion>> {
                         if (info->isSwmr) return place_.file->current();
                         return kj::mv(latest);
                       },
                       [this](kj::Exception&&) { return place_.file->current(); });
    }
    return place_.file->current();
  }

  kj::Promise<ReadResult> attemptUntilUnchanged(kj::Own<FileVersion> version) {
    version_ = kj::mv(version);
    return kj::evalNow([this] { return attempt(); })
        .then(
            [this](bool unchanged) -> kj::Promise<ReadResult> {
              if (unchanged) return std::move(result_);
              return attemptNext();
            },
            [this](kj::Exception&& problem) -> kj::Promise<ReadResult> {
              if (isTooMuch(problem)) {
                isLarge_ = result_.count <= 1;
                mostElements_ = std::max<std::uint64_t>(result_.count / 8, 1);
                return attemptUntilUnchanged(kj::mv(version_));
              }
              auto checked = mayBeStale(problem);
              return checked.then([this, problem = kj::mv(problem)](bool isStale) mutable {
                if (!isStale || server_.timer.now() > giveUp_)
                  kj::throwFatalException(place_.file->named(kj::mv(problem)));
                return attemptNext();
              });
            });
  }

  kj::Promise<ReadResult> attemptNext() {
    if (server_.timer.now() > giveUp_)
      raiseKj(ErrorCode::changed, place_.text() + ": the file kept changing while it was read");
    return place_.file->current().then(
        [this](kj::Own<FileVersion> next) { return attemptUntilUnchanged(kj::mv(next)); });
  }

  // Whether a reply with fewer elements, or less than one, may be possible.
  bool isTooMuch(const kj::Exception& problem) {
    if (planning_ == nullptr || result_.count == 0) return false;
    const ErrorCode code = errorOf(problem).code;
    if (result_.count == 1) return code == ErrorCode::tooLarge && request_.takesParts && dataset().type.hasVariable();
    return code == ErrorCode::tooLarge ||
           (code == ErrorCode::busy && planning_->files().size() > 1 && server_.timer.now() < giveUp_);
  }

  // Of any file that was met.
  kj::Promise<bool> mayBeStale(const kj::Exception& problem) {
    auto checked = place_.file->mayBeStale(*version_, problem);
    if (planning_ == nullptr) return checked;
    if (planning_->isStale()) return true;
    for (std::size_t i = 1; i < planning_->files().size(); ++i) {
      auto& pinned = planning_->files()[i];
      checked = checked.then([&pinned, problem = kj::cp(problem)](bool isStale) -> kj::Promise<bool> {
        if (isStale) return true;
        return pinned.file->mayBeStale(*pinned.version, problem);
      });
    }
    return checked;
  }

  kj::Promise<bool> attempt() {
    result_ = ReadResult{};
    planning_ = nullptr;
    result_.version = version_->version();
    if (version_->isSwmr()) return resolve();
    return version_->info().then([this](std::shared_ptr<const FileInfo>) { return resolve(); });
  }

  kj::Promise<bool> resolve() {
    isSwmr_ = *version_->isSwmr();
    if (!request_.ifVersion.empty() && !version_->satisfies(request_.ifVersion))
      raiseKj(ErrorCode::changed, place_.text() + ": the file is not the version that was asked for");
    auto resolving = version_->resolve(place_.path, FollowLast::yes, maxLinksInPath, place_.token);
    return resolving.then([this](std::shared_ptr<const Resolution> end) -> kj::Promise<bool> {
      return guarded([&] {
        auto* node = std::get_if<NodePointer>(end.get());
        if (node == nullptr) raiseKj(ErrorCode::changed, place_.text() + ": is no longer there");
        result_.node = *node;
        return describe();
      });
    });
  }

  // Which elements.

  kj::Promise<bool> describe() {
    const NodeInfo& node = *result_.node;
    if (node.problem) raiseKj(node.problem->code, place_.text() + ": " + node.problem->message);
    if (!node.dataset) raiseKj(ErrorCode::badType, place_.text() + ": is not a dataset");
    const std::string reason = dataset().type.unsupportedReason();
    if (!reason.empty()) raiseKj(ErrorCode::unimplemented, place_.text() + ": " + reason);
    result_.objectId = node.id;
    result_.stability = stability();
    if (dataset().space.kind == Dataspace::Kind::null) return nothing();
    extent_ = std::nullopt;
    if (dataset().space.kind == Dataspace::Kind::unknown) return measure();
    return select(dataset().space.shape);
  }

  kj::Promise<bool> measure() {
    return version_->storage(result_.node->id)
        .then([this](std::shared_ptr<const Storage> storage) {
          return measureExtent(place_.clone(), dataset().space, std::move(storage));
        })
        .then([this](VirtualExtent extent) {
          return guarded([&] {
            if (request_.absentSources == AbsentSources::raise && !extent.missingSources.empty())
              raiseKj(ErrorCode::missingSource,
                      place_.text() + ": its source '" + extent.missingSources.front() + "' does not exist");
            extent_ = std::move(extent);
            return select(extent_->shape);
          });
        });
  }

  kj::Promise<bool> select(const Shape& shape) {
    result_.shape = shape;
    checkMasks(request_.selection);
    wanted_.emplace(request_.selection, shape);
    result_.selected = wanted_->shape();
    picker_ = nullptr;
    if (!request_.fields.empty()) picker_ = std::make_shared<const FieldPicker>(dataset().type, request_.fields);
    result_.typeDigest = digestOf(picker_ ? picker_->type() : dataset().type);
    if (result_.stability == VersionStability::settled && request_.knownVersion == version_->version()) {
      result_.body = KnownElements();
      return verify();
    }
    const std::uint64_t total = wanted_->elementCount();
    if (request_.firstElement > total)
      raiseKj(ErrorCode::badSelection, place_.text() + ": the cursor lies beyond the selection");
    if (request_.firstElement == total) {
      if (request_.firstByte > 0)
        raiseKj(ErrorCode::badSelection, place_.text() + ": the cursor lies beyond the selection");
      return nothing();
    }
    replyBytes_ = request_.replyBytes == 0 ? rpc::DEFAULT_REPLY_BYTES : request_.replyBytes;
    replyBytes_ = std::min<std::uint64_t>(replyBytes_, mostBytes());
    if (isReadInParts()) return readPart();
    return read(std::min(mostElements(), mostElements_));
  }

  // What fits a reply, as far as one can tell before.
  std::uint64_t mostElements() {
    std::uint64_t elements = std::max<std::uint64_t>(replyBytes_ / packedBytes(), 1);
    if (picker_) elements = std::min(elements, std::max<std::uint64_t>(maxWholeBytes / elementBytes(), 1));
    if (dataset().type.hasVariable()) elements = std::min(elements, maxVariableElements);
    if (isElsewhere() && !wanted_->isOrthogonal()) elements = std::min(elements, maxElsewhere);
    return elements;
  }

  kj::Promise<bool> nothing() {
    result_.first = request_.firstElement;
    return lookAgain()
        .then([this](std::vector<SeenSource> seen) {
          guarded([&] { checkSources(seen); });
          return space_.reserve(0);
        })
        .then([this](std::span<std::byte>) { return verify(); });
  }

  // At everything that reads of this dataset may have seen.
  kj::Promise<std::vector<SeenSource>> lookAgain() {
    if (request_.ifSources.empty() || !isElsewhere()) return std::vector<SeenSource>();
    return version_->storage(result_.node->id).then([this](std::shared_ptr<const Storage> storage) {
      std::vector<std::string> names;
      if (auto* mapped = std::get_if<VirtualStorage>(storage.get())) names = namesIn(*mapped);
      return place_.file->sources().lookAgain(*place_.file, std::move(names), maxVirtualDepth);
    });
  }

  // Of patterns, and of other datasets of this file, all that anybody has read.
  std::vector<std::string> namesIn(const VirtualStorage& mapped) {
    std::set<std::string> names;
    for (const VirtualSource& mapping : mapped.sources) {
      if (mapping.file == "." || hasBlockNumber(mapping.file)) return place_.file->sources().keptNames();
      names.insert(sourceName(mapping.file));
    }
    return {names.begin(), names.end()};
  }

  // Plan and carry out.
  kj::Promise<bool> read(std::uint64_t most) {
    Cut cut = cutFrom(*wanted_, request_.firstElement, most);
    result_.first = cut.first;
    result_.count = cut.count;
    result_.next = nextAfter(cut.first + cut.count);
    return plan(Grain::elements, std::move(cut.wanted)).then([this] { return guarded([&] { return carryOut(); }); });
  }

  kj::Promise<void> plan(Grain grain, Wanted wanted) {
    planning_ = std::make_unique<Planning>(request_.owner, request_.absentSources, grain);
    Planning::Subject subject{place_.clone(), kj::addRef(*version_), result_.node, result_.shape,
                              extent_ ? &*extent_ : nullptr};
    return planning_->run(kj::mv(subject), std::move(wanted)).then([this](std::shared_ptr<const ArrayPlan> array) {
      planning_->finish(std::move(array));
    });
  }

  // Of an element that is larger than a reply, or of which the beginning was read: decision 12.

  std::uint64_t mostBytes() const {
    return std::min<std::uint64_t>(server_.limits.bytesInOneReply, rpc::MAX_REPLY_BYTES);
  }

  bool isReadInParts() const {
    return request_.firstByte > 0 || isLarge_ || elementBytes() > rpc::MAX_ELEMENT_BYTES ||
           (request_.takesParts && packedBytes() > mostBytes());
  }

  PartWanted partWanted() const {
    if (request_.firstByte > 0) return {request_.firstByte, std::max<std::uint64_t>(replyBytes_, 1)};
    return {0, request_.takesParts ? mostBytes() : rpc::MAX_ELEMENT_BYTES};
  }

  kj::Promise<bool> readPart() {
    Cut cut = cutFrom(*wanted_, request_.firstElement, 1);
    result_.first = cut.first;
    result_.count = 0;
    return plan(Grain::bytes, std::move(cut.wanted)).then([this] { return guarded([&] { return carryOutPart(); }); });
  }

  kj::Promise<bool> carryOutPart() {
    addMissing(planning_->missingSources());
    const bool isConverted = originOf(*planning_->plan()->array).isConverted;
    if (isConverted && elementBytes() > rpc::MAX_ELEMENT_BYTES)
      raiseKj(ErrorCode::tooLarge, place_.text() + ": one element is converted, and larger than 32 MiB");
    return space_.reserve(isConverted ? packedBytes() : partWanted().most)
        .then([this, isConverted](std::span<std::byte> target) {
          if (!isConverted) return runPart(*planning_, request_.owner, picker_, partWanted(), space_);
          return runPlan(*planning_, request_.owner, picker_, target, space_).then([this, target](CarriedOut done) {
            const std::span<const std::byte> elements = done.elements ? std::span(*done.elements) : target;
            CarriedPart made = partOf(elements, done.heap, partWanted());
            made.isUnchanged = done.isUnchanged;
            return made;
          });
        })
        .then([this](CarriedPart done) { return guarded([&] { return takePart(std::move(done)); }); });
  }

  kj::Promise<bool> takePart(CarriedPart done) {
    if (!done.isUnchanged) return false;
    checkSources(planning_->seen());
    const std::uint64_t first = request_.firstByte, end = first + done.bytes.size();
    if (first == 0 && end == done.total) {
      takeWhole(done.bytes);
    } else if (first == 0 && !request_.takesParts) {
      raiseKj(ErrorCode::tooLarge, place_.text() + ": one element with its data is larger than 32 MiB");
    } else {
      result_.body = PartOfElement{first, done.total};
      result_.next = ReadResult::Next{result_.first, end};
      if (end == done.total) result_.next = nextAfter(result_.first + 1);
    }
    return space_.reserve(done.bytes.size()).then([bytes = std::move(done.bytes)](std::span<std::byte> target) {
      std::copy(bytes.begin(), bytes.end(), target.begin());
      return true;
    });
  }

  // Of one element that was asked for as a part, and came with all that it has.
  void takeWhole(Bytes& bytes) {
    const auto split = bytes.begin() + static_cast<std::ptrdiff_t>(packedBytes());
    result_.heap.assign(split, bytes.end());
    bytes.erase(split, bytes.end());
    checkPlaces(picker_ ? picker_->type() : dataset().type, bytes, result_.heap);
    result_.count = 1;
    result_.next = nextAfter(result_.first + 1);
  }

  std::optional<ReadResult::Next> nextAfter(std::uint64_t element) const {
    if (element >= wanted_->elementCount()) return std::nullopt;
    return ReadResult::Next{element, 0};
  }

  // Carrying out.

  kj::Promise<bool> carryOut() {
    addMissing(planning_->missingSources());
    const ArrayPlan& array = *planning_->plan()->array;
    if (array.pieces.empty() && planning_->files().size() == 1) {
      fill(array);
      checkSources(planning_->seen());
      return verify();
    }
    // Room first: what the budget does not allow is not read.
    return space_.reserve(result_.count * packedBytes()).then([this](std::span<std::byte> target) {
      auto running = runPlan(*planning_, request_.owner, picker_, target, space_);
      return running.then([this](CarriedOut done) { return guarded([&] { return take(std::move(done)); }); });
    });
  }

  void fill(const ArrayPlan& array) {
    // One element says it all, so the whole rest fits one reply.
    if (planning_->isUnallocated()) {
      result_.count = wanted_->elementCount() - result_.first;
      result_.next = std::nullopt;
    }
    SameElement same{array.fillElement};
    if (picker_) {
      same.element.resize(packedBytes());
      picker_->pick(array.fillElement, same.element);
    }
    Heap heap(rpc::MAX_ELEMENT_BYTES);
    heap.append(picker_ ? picker_->type() : array.type, same.element, array.fillHeap);
    result_.heap = heap.take();
    result_.body = std::move(same);
  }

  kj::Promise<bool> take(CarriedOut done) {
    if (!done.isUnchanged) return false;
    const std::uint64_t bytes = result_.count * packedBytes() + done.heap.size();
    if (bytes > mostBytes() && !done.heap.empty() && result_.count > 1)
      return read(std::max<std::uint64_t>(result_.count * replyBytes_ / bytes, 1));
    if (bytes > mostBytes() && request_.takesParts) return readPart();
    if (bytes > rpc::MAX_ELEMENT_BYTES)
      raiseKj(ErrorCode::tooLarge, place_.text() + ": one element with its data is larger than 32 MiB");
    result_.heap = std::move(done.heap);
    checkSources(planning_->seen());
    if (!done.elements) return true;
    // They were waited for so long that others had the room.
    return space_.reserve(done.elements->size())
        .then([elements = std::move(*done.elements)](std::span<std::byte> target) {
          std::copy(elements.begin(), elements.end(), target.begin());
          return true;
        });
  }

  void checkSources(const std::vector<SeenSource>& seen) {
    if (!isElsewhere()) return;
    result_.sources = place_.file->sources().versionWith(result_.objectId, seen);
    if (!request_.ifSources.empty() && result_.sources != request_.ifSources)
      raiseKj(ErrorCode::changed, place_.text() + ": what it is made of is not the version that was asked for");
  }

  void addMissing(std::vector<std::string> names) {
    if (extent_) names.insert(names.end(), extent_->missingSources.begin(), extent_->missingSources.end());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    result_.missingSources = std::move(names);
  }

  // The version is the file's: it says nothing of sources and raw files that other files hold, and a SWMR writer may
  // add to what was read with it.
  VersionStability stability() const {
    const bool mayBeKept = !isElsewhere() && !isSwmr_ && version_->isSettled();
    return mayBeKept ? VersionStability::settled : VersionStability::unsettled;
  }

  kj::Promise<bool> verify() {
    if (isSwmr_) return true;
    return place_.file->unchanged(*version_);
  }

  // Whether its elements are in other files, or may be.
  bool isElsewhere() const {
    return dataset().layout == Layout::virtualMapping || dataset().layout == Layout::external;
  }

  const DatasetInfo& dataset() const { return *result_.node->dataset; }
  std::size_t elementBytes() const { return std::max<std::size_t>(dataset().type.size(), 1); }

  // Of what the reply carries: the fields that were asked for.
  std::size_t packedBytes() const {
    return picker_ ? std::max<std::size_t>(picker_->type().size(), 1) : elementBytes();
  }

  NodePlace place_;
  ReadRequest request_;
  ElementSpace& space_;
  ServerContext& server_;
  const kj::TimePoint giveUp_;

  // Of the attempt under way.
  kj::Own<FileVersion> version_;
  bool isSwmr_ = false;
  std::optional<VirtualExtent> extent_;  // of a virtual dataset that grows with its sources
  std::optional<Resolved> wanted_;
  std::shared_ptr<const FieldPicker> picker_;  // when only some fields are wanted
  std::uint64_t replyBytes_ = 0;
  std::uint64_t mostElements_ = unlimited;  // in one reply, since more were too many
  bool isLarge_ = false;                    // since one was too many
  std::unique_ptr<Planning> planning_;
  ReadResult result_;
};

}  // namespace

kj::Promise<ReadResult> readDataset(NodePlace place, ReadRequest request, ElementSpace& space) {
  auto read = kj::heap<DatasetRead>(kj::mv(place), std::move(request), space);
  auto promise = inPromise([&] { return read->run(); });
  return promise.attach(kj::mv(read));
}

}  // namespace h5cap
