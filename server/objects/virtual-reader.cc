#include "server/objects/virtual-reader.h"

#include <algorithm>

#include "core/convert.h"
#include "core/projection.h"
#include "server/objects/guarded.h"
#include "server/objects/link-follower.h"

namespace h5cap {
namespace {

// Sources that are read side by side, for one reply.
constexpr std::size_t lanes = 4;

class VirtualOperation {
 public:
  VirtualOperation(VirtualRead read, std::span<std::byte> target) : read_(kj::mv(read)), target_(target) {}

  kj::Promise<VirtualOutcome> run() {
    fillElements(read_.fillElement, target_);
    outcome_.heap = read_.node->dataset->fillHeap;
    for (std::size_t number : read_.index->near(read_.region)) {
      const VirtualSource& source = read_.storage->sources[number];
      if (!mayMeet(source, read_.region)) continue;
      if (source.isPattern)
        raiseKj(ErrorCode::unimplemented, read_.place.text() + ": virtual datasets with patterns of source names");
      meeting_.push_back(&source);
    }
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) all.add(nextMapping());
    return kj::joinPromises(all.finish()).then([this] {
      auto& missing = outcome_.missingSources;
      std::sort(missing.begin(), missing.end());
      missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
      return std::move(outcome_);
    });
  }

 private:
  using MaybeFile = kj::Maybe<kj::Own<OpenFile>>;

  kj::Promise<void> nextMapping() {
    if (nextIndex_ == meeting_.size()) return kj::READY_NOW;
    const VirtualSource& source = *meeting_[nextIndex_++];
    return openSource(source)
        .then([this, &source](MaybeFile file) -> kj::Promise<void> {
          KJ_IF_MAYBE(opened, file) return fromFile(source, kj::mv(*opened));
          return absent(source.file);
        })
        .then([this] { return nextMapping(); });
  }

  // Opened once a read, however many mappings name it.
  kj::Promise<MaybeFile> openSource(const VirtualSource& source) {
    if (source.file == ".") return MaybeFile(kj::addRef(*read_.place.file));
    auto known = files_.find(source.file);
    if (known == files_.end()) {
      auto& from = *read_.place.file;
      auto opening = from.sources().get(from, source.file).then([](MaybeFile file) {
        return kj::refcounted<Shared>(kj::mv(file));
      });
      known = files_.emplace(source.file, opening.fork()).first;
    }
    return known->second.addBranch().then([](kj::Own<Shared> shared) -> MaybeFile {
      KJ_IF_MAYBE(file, shared->file) return kj::addRef(**file);
      return nullptr;
    });
  }

  kj::Promise<void> absent(const std::string& name) {
    if (read_.absentSources == AbsentSources::raise)
      raiseKj(ErrorCode::missingSource, read_.place.text() + ": its source '" + name + "' does not exist");
    outcome_.missingSources.push_back(name);
    return kj::READY_NOW;
  }

  kj::Promise<void> fromFile(const VirtualSource& source, kj::Own<OpenFile> file) {
    NodePlace place{kj::mv(file), joinPath("/", source.dataset)};
    return findNode(kj::mv(place))
        .then([this, &source](FoundNode found) { return guarded([&] { return fromNode(source, kj::mv(found)); }); },
              [this, &source](kj::Exception&& problem) -> kj::Promise<void> {
                if (errorOf(problem).code != ErrorCode::notFound) return kj::mv(problem);
                return absent(source.file + ": " + source.dataset);
              });
  }

  kj::Promise<void> fromNode(const VirtualSource& source, FoundNode found) {
    const DatasetInfo& target = *read_.node->dataset;
    if (!found.info->dataset)
      raiseKj(ErrorCode::fileProblem, found.place.text() + ": a virtual dataset names it, and it is not a dataset");
    const DatasetInfo& dataset = *found.info->dataset;
    toOwnType(found.place, dataset.type, {});  // refuses before anything is read
    auto parts = project(source, target.space.shape, dataset.space.shape, read_.region);
    auto pending = kj::Promise<void>(kj::READY_NOW);
    for (ProjectedPart& part : parts)
      pending = pending.then([this, place = found.place.clone(), part = std::move(part)]() mutable {
        return readPart(kj::mv(place), std::move(part));
      });
    return pending;
  }

  Bytes toOwnType(const NodePlace& source, const DataType& type, Bytes elements) {
    try {
      return convertElements(type, std::move(elements), read_.node->dataset->type);
    } catch (const BadType& problem) {
      raiseKj(ErrorCode::unimplemented,
              read_.place.text() + ": its source " + source.text() + " has another datatype: " + problem.what());
    }
  }

  kj::Promise<void> readPart(NodePlace place, ProjectedPart part) {
    Selection selection = asSelection(part.source);
    auto reading = readWhole(place.clone(), std::move(selection), read_.absentSources, read_.depthLeft);
    return reading.then([this, place = kj::mv(place), part = std::move(part)](WholeRead whole) {
      guarded([&] {
        whole.elements = toOwnType(place, whole.type, std::move(whole.elements));
        scatter(part, whole);
      });
    });
  }

  void scatter(const ProjectedPart& part, WholeRead& whole) {
    const DataType& type = read_.node->dataset->type;
    if (!whole.heap.empty()) {
      if (outcome_.heap.size() + whole.heap.size() > rpc::MAX_ELEMENT_BYTES)
        raiseKj(ErrorCode::tooLarge, read_.place.text() + ": the variable-length data of one reply exceeds 32 MiB");
      relocate(type, whole.elements, outcome_.heap.size());
      outcome_.heap.insert(outcome_.heap.end(), whole.heap.begin(), whole.heap.end());
    }
    std::vector<Positions> everything;
    for (std::uint64_t count : part.counts) everything.push_back(Positions{0, 1, count});
    copyElements(whole.elements, part.counts, everything, target_, read_.region.counts(), part.inRegion,
                 std::max<std::size_t>(type.size(), 1));
    outcome_.missingSources.insert(outcome_.missingSources.end(), whole.missingSources.begin(),
                                   whole.missingSources.end());
  }

  struct Shared : public kj::Refcounted {
    explicit Shared(MaybeFile file) : file(kj::mv(file)) {}
    kj::Own<Shared> addRef() { return kj::addRef(*this); }
    MaybeFile file;
  };

  VirtualRead read_;
  std::span<std::byte> target_;
  std::vector<const VirtualSource*> meeting_;
  std::size_t nextIndex_ = 0;
  std::map<std::string, kj::ForkedPromise<kj::Own<Shared>>> files_;
  VirtualOutcome outcome_;
};

}  // namespace

kj::Promise<VirtualOutcome> readVirtual(VirtualRead read, std::span<std::byte> target) {
  auto operation = kj::heap<VirtualOperation>(kj::mv(read), target);
  auto promise = kj::evalNow([&] { return guarded([&] { return operation->run(); }); });
  return promise.attach(kj::mv(operation));
}

}  // namespace h5cap
