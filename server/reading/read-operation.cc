#include "server/reading/read-operation.h"

#include <algorithm>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

// The first guess at how many variable-length elements fit a reply.
constexpr std::uint64_t maxVariableElements = 16384;

// Of single elements in one reply: they are sorted, and their coordinates take memory of their own.
constexpr std::uint64_t maxCoordinates = 262'144;

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

}  // namespace

ReadOperation::ReadOperation(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft)
    : place_(kj::mv(place)), request_(std::move(request)), space_(space), depthLeft_(depthLeft),
      server_(place_.file->session().server), giveUp_(server_.timer.now() + changedFor()) {}

kj::Promise<ReadResult> ReadOperation::run() {
  return firstVersion().then([this](kj::Own<FileVersion> version) { return attemptUntilUnchanged(kj::mv(version)); });
}

// SWMR files grow all the time, and reads of them want the newest; what has settled is checked after the read.
kj::Promise<kj::Own<FileVersion>> ReadOperation::firstVersion() {
  KJ_IF_MAYBE(known, place_.file->latest()) {
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

kj::Promise<ReadResult> ReadOperation::attemptUntilUnchanged(kj::Own<FileVersion> version) {
  version_ = kj::mv(version);
  return kj::evalNow([this] { return attempt(); })
      .then([](bool unchanged) -> kj::Promise<bool> { return unchanged; },
            [this](kj::Exception&& problem) -> kj::Promise<bool> {
              auto checked = place_.file->mayBeStale(*version_, problem);
              return checked.then([this, problem = kj::mv(problem)](bool isStale) mutable {
                if (!isStale || server_.timer.now() > giveUp_)
                  kj::throwFatalException(place_.file->named(kj::mv(problem)));
                return false;
              });
            })
      .then([this](bool unchanged) -> kj::Promise<ReadResult> {
        if (unchanged) return std::move(result_);
        if (server_.timer.now() > giveUp_)
          raiseKj(ErrorCode::changed, place_.text() + ": the file kept changing while it was read");
        return place_.file->current().then(
            [this](kj::Own<FileVersion> next) { return attemptUntilUnchanged(kj::mv(next)); });
      });
}

kj::Promise<bool> ReadOperation::attempt() {
  result_ = ReadResult{};
  result_.version = version_->version();
  return version_->info()
      .then([this](std::shared_ptr<const FileInfo> info) {
        isSwmr_ = info->isSwmr;
        // What satisfies() says of a SWMR file is known by now.
        if (!request_.ifVersion.empty() && !version_->satisfies(request_.ifVersion))
          raiseKj(ErrorCode::changed, place_.text() + ": the file is not the version that was asked for");
        return version_->resolve(place_.path, FollowLast::yes, maxLinksInPath, place_.token);
      })
      .then([this](std::shared_ptr<const Resolution> end) -> kj::Promise<bool> {
        return guarded([&] {
          auto* node = std::get_if<NodePointer>(end.get());
          if (node == nullptr) raiseKj(ErrorCode::changed, place_.text() + ": is no longer there");
          node_ = *node;
          result_.node = node_;
          return plan();
        });
      });
}

kj::Promise<bool> ReadOperation::plan() {
  if (node_->problem) raiseKj(node_->problem->code, place_.text() + ": " + node_->problem->message);
  if (!node_->dataset) raiseKj(ErrorCode::badType, place_.text() + ": is not a dataset");
  const std::string reason = dataset().type.unsupportedReason();
  if (!reason.empty()) raiseKj(ErrorCode::unimplemented, place_.text() + ": " + reason);
  result_.objectId = node_->id;
  result_.stability = stability();
  if (dataset().space.kind == Dataspace::Kind::null) return nothing();
  if (dataset().type.size() > rpc::MAX_ELEMENT_BYTES)
    raiseKj(ErrorCode::tooLarge, place_.text() + ": one element is larger than 32 MiB");
  extent_ = std::nullopt;
  if (dataset().space.kind == Dataspace::Kind::unknown) return planMeasured();
  return planWithin(dataset().space.shape);
}

kj::Promise<bool> ReadOperation::planWithin(const Shape& shape) {
  result_.shape = shape;
  checkMasks(request_.selection);
  wanted_.emplace(request_.selection, shape);
  result_.selected = wanted_->shape();
  picker_ = nullptr;
  if (!request_.fields.empty()) picker_ = std::make_shared<const FieldPicker>(dataset().type, request_.fields);
  if (isKnown()) {
    result_.isUnchanged = true;
    return verify();
  }
  total_ = wanted_->elementCount();
  if (request_.firstElement > total_)
    raiseKj(ErrorCode::badSelection, place_.text() + ": the cursor lies beyond the selection");
  if (request_.firstElement == total_) return nothing();

  replyBytes_ = request_.replyBytes == 0 ? rpc::DEFAULT_REPLY_BYTES : request_.replyBytes;
  replyBytes_ = std::min<std::uint64_t>(replyBytes_, rpc::MAX_REPLY_BYTES);
  std::uint64_t elements = std::max<std::uint64_t>(replyBytes_ / packedBytes(), 1);
  if (picker_) elements = std::min(elements, std::max<std::uint64_t>(maxWholeBytes / elementBytes(), 1));
  if (dataset().type.hasVariable()) elements = std::min(elements, maxVariableElements);
  cut(elements);
  return version_->storage(node_->id).then([this](std::shared_ptr<const Storage> storage) {
    storage_ = kj::mv(storage);
    return guarded([&] { return fetch(); });
  });
}

void ReadOperation::cut(std::uint64_t maxElements) {
  if (isScattered()) {
    maxElements = std::min(maxElements, maxCoordinates / result_.shape.size());
    const bool isElsewhere = dataset().layout == Layout::virtualMapping || dataset().layout == Layout::external;
    if (isElsewhere) maxElements = std::min(maxElements, maxElsewhere);
    run_ = Run{{}, request_.firstElement, std::min(maxElements, total_ - request_.firstElement)};
    coordinates_ = wanted_->coordinates(run_.first, run_.count);
  } else {
    run_ = runFrom(*wanted_->region(), request_.firstElement, maxElements);
  }
  result_.first = run_.first;
  result_.count = run_.count;
  result_.next = std::nullopt;
  if (run_.first + run_.count < total_) result_.next = run_.first + run_.count;
}

kj::Promise<bool> ReadOperation::nothing() {
  result_.first = request_.firstElement;
  return space_.reserve(0).then([this](std::span<std::byte>) { return verify(); });
}

// The version is the file's: it says nothing of sources and raw files that other files hold, and a SWMR writer may add
// to what was read with it.
VersionStability ReadOperation::stability() const {
  const bool isInFile = dataset().layout != Layout::virtualMapping && dataset().layout != Layout::external;
  return isInFile && !isSwmr_ && version_->isSettled() ? VersionStability::settled : VersionStability::unsettled;
}

// Whether the caller has these very elements.
bool ReadOperation::isKnown() const {
  return stability() == VersionStability::settled && request_.knownVersion == version_->version();
}

kj::Promise<bool> ReadOperation::verify() {
  if (isSwmr_) return true;
  return place_.file->unchanged(*version_);
}

}  // namespace h5cap
