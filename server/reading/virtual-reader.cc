#include "server/reading/virtual-reader.h"

#include <algorithm>
#include <deque>
#include <set>

#include "core/convert-source.h"
#include "core/heap.h"
#include "core/plan/projection.h"
#include "core/source-name.h"
#include "core/unlimited-axis.h"
#include "server/base/guarded.h"
#include "server/files/source-finder.h"

namespace h5cap {
namespace {

// Sources that are read side by side, for one reply.
constexpr std::size_t lanes = 4;

// Of series, that one reply may take: a hostile file may name any number.
constexpr std::uint64_t maxBlocks = 65536;

class VirtualOperation {
 public:
  VirtualOperation(VirtualRead read, std::span<std::byte> target)
      : read_(kj::mv(read)), target_(target), finder_(read_.place.clone()) {}

  kj::Promise<VirtualOutcome> run() {
    heap_.append(type(), read_.fillElement, read_.node->dataset->fillHeap);
    fillElements(read_.fillElement, target_);
    for (std::size_t number : read_.index->near(read_.region)) {
      const VirtualSource& mapping = read_.storage->sources[number];
      if (!mayMeet(mapping, read_.region)) continue;
      if (hasBlockNumber(mapping.file) || hasBlockNumber(mapping.dataset)) {
        addBlocks(number, mapping);
      } else {
        meeting_.push_back(mapping);
        meeting_.back().file = sourceName(mapping.file);
        meeting_.back().dataset = sourceName(mapping.dataset);
      }
    }
    parts_.resize(meeting_.size());
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) all.add(nextMapping());
    return kj::joinPromises(all.finish()).then([this] {
      auto& missing = outcome_.missingSources;
      std::sort(missing.begin(), missing.end());
      missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
      outcome_.heap = heap_.take();
      return std::move(outcome_);
    });
  }

 private:
  const DataType& type() const { return read_.node->dataset->type; }

  struct ReadPart {
    ProjectedPart part;
    WholeRead whole;
  };

  // A series of blocks ends where the first one is absent; a source of another virtual dataset has what its extent
  // holds.
  void addBlocks(std::size_t number, const VirtualSource& pattern) {
    BlockRange blocks = blocksNear(pattern, read_.region);
    blocks.end = std::min(blocks.end, read_.extent ? read_.extent->blocks[number] : blocksWithin(pattern, read_.shape));
    if (blocks.end > blocks.first && blocks.end - blocks.first > maxBlocks)
      raiseKj(ErrorCode::tooLarge, read_.place.text() + ": one reply would take more than 65536 sources");
    for (auto block = blocks.first; block < blocks.end; ++block) {
      meeting_.push_back(blockOf(pattern, block));
      if (!mayMeet(meeting_.back(), read_.region)) meeting_.pop_back();
    }
  }

  kj::Promise<void> nextMapping() {
    if (nextIndex_ == meeting_.size()) return kj::READY_NOW;
    const std::size_t at = nextIndex_++;
    return finder_.find(meeting_[at].file, meeting_[at].dataset)
        .then([this, at](FoundSource found) -> kj::Promise<void> {
          KJ_IF_MAYBE(node, found.node) return guarded([&] { return fromNode(at, kj::mv(*node)); });
          return absent(found.missing);
        })
        .then([this, at] {
          guarded([&] { putInOrder(at); });
          return nextMapping();
        });
  }

  kj::Promise<void> absent(const std::string& name) {
    if (read_.absentSources == AbsentSources::raise)
      raiseKj(ErrorCode::missingSource, read_.place.text() + ": its source '" + name + "' does not exist");
    outcome_.missingSources.push_back(name);
    return kj::READY_NOW;
  }

  kj::Promise<void> fromNode(std::size_t at, FoundNode found) {
    const DatasetInfo& dataset = *found.info->dataset;
    Shape shape = dataset.space.shape;
    // One that grows itself reads as fill beyond the extent that is stored.
    if (dataset.space.kind == Dataspace::Kind::unknown) growToHold(shape, meeting_[at].sourceSelection);
    auto parts = project(meeting_[at], read_.shape, shape, read_.region);
    if (!parts.empty()) toOwnType(found.place, dataset.type, {});  // refuses before anything is read
    auto pending = kj::Promise<void>(kj::READY_NOW);
    for (ProjectedPart& part : parts)
      pending = pending.then([this, at, place = found.place.clone(), part = std::move(part)]() mutable {
        return readPart(at, kj::mv(place), std::move(part));
      });
    return pending;
  }

  PackedData toOwnType(const NodePlace& source, const DataType& type, PackedData data) {
    const std::string reading = read_.place.text() + ": its source " + source.text() + " has another datatype: ";
    try {
      return convertSource(type, std::move(data), this->type(), rpc::MAX_ELEMENT_BYTES);
    } catch (const BadType& problem) {
      raiseKj(ErrorCode::fileProblem, reading + problem.what());
    } catch (const Unimplemented& problem) {
      raiseKj(ErrorCode::unimplemented, reading + problem.what());
    }
  }

  kj::Promise<void> readPart(std::size_t at, NodePlace place, ProjectedPart part) {
    Selection selection = asSelection(part.source);
    // What parts before it have leaves less: those that wait for their turn are held, too.
    auto reading = readWhole(place.clone(), read_.owner, std::move(selection), read_.absentSources,
                             rpc::MAX_ELEMENT_BYTES - gatheredBytes_, read_.depthLeft);
    return reading.then([this, at, place = kj::mv(place), part = std::move(part)](WholeRead whole) mutable {
      guarded([&] {
        auto converted = toOwnType(place, whole.type, {std::move(whole.elements), std::move(whole.heap)});
        whole.elements = std::move(converted.elements);
        whole.heap = std::move(converted.heap);
        if (whole.heap.size() > rpc::MAX_ELEMENT_BYTES - gatheredBytes_)
          raiseKj(ErrorCode::tooLarge, read_.place.text() + ": the variable-length data of one reply exceeds 32 MiB");
        gatheredBytes_ += whole.heap.size();
        parts_[at].push_back({std::move(part), std::move(whole)});
      });
    });
  }

  // Mappings may overlap: what is read side by side is put into place one after the other.
  void putInOrder(std::size_t finished) {
    finished_.insert(finished);
    while (finished_.erase(nextPlaced_) > 0) {
      for (ReadPart& one : parts_[nextPlaced_]) scatter(one.part, one.whole);
      parts_[nextPlaced_] = {};
      ++nextPlaced_;
    }
  }

  void scatter(const ProjectedPart& part, WholeRead& whole) {
    heap_.append(type(), whole.elements, whole.heap);
    std::vector<Positions> everything;
    for (std::uint64_t count : part.counts) everything.push_back(Positions{0, 1, count});
    copyElements(whole.elements, part.counts, everything, target_, read_.region.counts(), part.inRegion,
                 std::max<std::size_t>(type().size(), 1));
    outcome_.missingSources.insert(outcome_.missingSources.end(), whole.missingSources.begin(),
                                   whole.missingSources.end());
  }

  VirtualRead read_;
  std::span<std::byte> target_;
  SourceFinder finder_;
  std::deque<VirtualSource> meeting_;  // each with one source
  std::size_t nextIndex_ = 0;
  std::vector<std::vector<ReadPart>> parts_;
  std::set<std::size_t> finished_;
  std::size_t nextPlaced_ = 0;
  VirtualOutcome outcome_;
  Heap heap_{rpc::MAX_ELEMENT_BYTES};
  std::uint64_t gatheredBytes_ = 0;  // of the heaps of all parts
};

}  // namespace

kj::Promise<VirtualOutcome> readVirtual(VirtualRead read, std::span<std::byte> target) {
  auto operation = kj::heap<VirtualOperation>(kj::mv(read), target);
  auto promise = kj::evalNow([&] { return guarded([&] { return operation->run(); }); });
  return promise.attach(kj::mv(operation));
}

}  // namespace h5cap
