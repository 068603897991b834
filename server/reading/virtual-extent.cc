#include "server/reading/virtual-extent.h"

#include <algorithm>
#include <utility>

#include "core/source-name.h"
#include "core/plan/projection.h"
#include "core/unlimited-axis.h"
#include "server/base/guarded.h"
#include "server/files/source-finder.h"

namespace h5cap {
namespace {

// Blocks of a series that are looked for side by side.
constexpr std::uint64_t probes = 4;

// Of one series: as many as one reply may map.  A planner that finds each of them would have them counted for ever.
constexpr std::uint64_t maxBlocks = 65'536;

class Measurement {
 public:
  Measurement(NodePlace place, const Dataspace& space, std::shared_ptr<const Storage> storage)
      : finder_(place.clone()), place_(kj::mv(place)), stored_(space.shape), storage_(std::move(storage)) {}

  kj::Promise<VirtualExtent> run() {
    auto* mapped = std::get_if<VirtualStorage>(storage_.get());
    if (mapped == nullptr) throw FileError("a virtual dataset without mappings");
    least_.assign(stored_.size(), 0);
    grown_.assign(stored_.size(), std::nullopt);
    for (std::size_t i = 0; i < mapped->sources.size(); ++i) {
      const VirtualSource& mapping = mapped->sources[i];
      growToHold(least_, mapping.virtualSelection);
      auto axis = unlimitedAxis(mapping.virtualSelection);
      if (!axis) continue;
      if (*axis >= stored_.size()) throw FileError("a virtual dataset's mapping is malformed");
      growing_.push_back({&mapping, i, *axis});
    }
    return next(0).then([this] {
      extent_.shape = stored_;
      for (std::size_t k = 0; k < stored_.size(); ++k)
        if (grown_[k]) extent_.shape[k] = std::max(*grown_[k], least_[k]);
      return std::move(extent_);
    });
  }

 private:
  struct Growing {
    const VirtualSource* mapping;
    std::size_t number;
    std::size_t axis;
    const Hyperslab::Dimension& along() const { return mapping->virtualSelection.dimensions[axis]; }
  };

  kj::Promise<void> next(std::size_t i) {
    if (i == growing_.size()) return kj::READY_NOW;
    const bool isSeries = hasBlockNumber(growing_[i].mapping->file) || hasBlockNumber(growing_[i].mapping->dataset);
    auto one = guarded([&] { return isSeries ? countBlocks(growing_[i]) : measureSource(growing_[i]); });
    return one.then([this, i] { return next(i + 1); });
  }

  void reaches(const Growing& mapping, std::uint64_t extent) {
    auto& along = grown_[mapping.axis];
    along = along ? std::max(*along, extent) : extent;
  }

  kj::Promise<void> measureSource(const Growing& growing) {
    const VirtualSource& mapping = *growing.mapping;
    const std::string file = sourceName(mapping.file), dataset = sourceName(mapping.dataset);
    return finder_.find(file, dataset).then([this, &growing](FoundSource found) {
      guarded([&] {
        KJ_IF_MAYBE(source, found.node) {
          const Shape& shape = source->info->dataset->space.shape;
          const Hyperslab& selection = growing.mapping->sourceSelection;
          auto axis = unlimitedAxis(selection);
          if (!axis || *axis >= shape.size())
            throw FileError("a virtual dataset's mapping does not fit its source " + source->place.text());
          auto positions = positionsMeasured(selection.dimensions[*axis], shape[*axis]);
          return reaches(growing, extentHolding(growing.along(), positions));
        }
        extent_.missingSources.push_back(found.missing);
        reaches(growing, 0);
      });
    });
  }

  // Begins where the series ended when it was last looked at.
  kj::Promise<void> countBlocks(const Growing& growing) {
    const std::uint64_t known = place_.file->sources().knownBlocks(growing.mapping->file, growing.mapping->dataset);
    return countFrom(growing, known > 0 ? known - 1 : 0).then([this, &growing, known](std::uint64_t count) {
      if (known > 0 && count < known) return countFrom(growing, 0);
      return kj::Promise<std::uint64_t>(count);
    }).then([this, &growing](std::uint64_t count) {
      guarded([&] {
        place_.file->sources().rememberBlocks(growing.mapping->file, growing.mapping->dataset, count);
        extent_.blocks[growing.number] = count;
        if (count == 0) return reaches(growing, 0);
        auto last = blockOf(growing.along(), count - 1);
        reaches(growing, last.start + last.block);
      });
    });
  }

  struct Probe {
    bool isThere;
    kj::Maybe<kj::Exception> problem;
  };

  // The first block from `first` on that is absent.  What is wrong with a block beyond that one is no matter of the
  // series.
  kj::Promise<std::uint64_t> countFrom(const Growing& growing, std::uint64_t first) {
    auto all = kj::heapArrayBuilder<kj::Promise<Probe>>(probes);
    for (std::uint64_t block = first; block < first + probes; ++block) {
      const VirtualSource& mapping = *growing.mapping;
      auto finding = finder_.find(sourceName(mapping.file, block), sourceName(mapping.dataset, block));
      all.add(finding.then([](FoundSource found) { return Probe{found.node != nullptr, nullptr}; },
                           [](kj::Exception&& problem) { return Probe{false, kj::mv(problem)}; }));
    }
    return kj::joinPromises(all.finish()).then([this, &growing, first](kj::Array<Probe> found) {
      auto end = std::find_if(found.begin(), found.end(), [](const Probe& probe) { return !probe.isThere; });
      if (end != found.end()) {
        KJ_IF_MAYBE(problem, end->problem) return kj::Promise<std::uint64_t>(kj::mv(*problem));
        return kj::Promise<std::uint64_t>(first + (end - found.begin()));
      }
      if (first >= maxBlocks)
        return kj::Promise<std::uint64_t>(wire::toKj(ErrorCode::tooLarge, "a series of sources that does not end"));
      return countFrom(growing, first + probes);
    });
  }

  SourceFinder finder_;
  NodePlace place_;
  const Shape stored_;
  const std::shared_ptr<const Storage> storage_;
  std::vector<Growing> growing_;
  Shape least_;
  std::vector<std::optional<std::uint64_t>> grown_;
  VirtualExtent extent_;
};

// A source's file and dataset, in order and each once.
using SourceNames = std::vector<std::pair<std::string, std::string>>;

template <class Names>
Names inOrder(Names names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

SourceNames namesIn(const Storage& storage) {
  SourceNames names;
  if (auto* mapped = std::get_if<VirtualStorage>(&storage))
    for (const VirtualSource& mapping : mapped->sources)
      if (!hasBlockNumber(mapping.file) && !hasBlockNumber(mapping.dataset))
        names.emplace_back(sourceName(mapping.file), sourceName(mapping.dataset));
  return inOrder(std::move(names));
}

// Thousands of names are put in order by other threads than the event loop's.
class MissingSearch {
 public:
  MissingSearch(NodePlace place, std::shared_ptr<const Storage> storage)
      : executor_(place.file->session().server.executor), owner_(place.file->session().owner()),
        finder_(kj::mv(place)), storage_(std::move(storage)) {}

  kj::Promise<std::vector<std::string>> run() {
    return executor_.run<SourceNames>(owner_, [storage = storage_] { return namesIn(*storage); })
        .then([this](SourceNames names) {
          names_ = std::move(names);
          auto lanes = kj::heapArrayBuilder<kj::Promise<void>>(probes);
          for (std::uint64_t lane = 0; lane < probes; ++lane) lanes.add(next());
          return kj::joinPromises(lanes.finish());
        })
        .then([this] {
          auto put = [missing = std::move(missing_)]() mutable { return inOrder(std::move(missing)); };
          return executor_.run<std::vector<std::string>>(owner_, kj::mv(put));
        });
  }

 private:
  kj::Promise<void> next() {
    if (at_ == names_.size()) return kj::READY_NOW;
    const auto& [file, dataset] = names_[at_++];
    return finder_.find(file, dataset).then([this](FoundSource found) {
      if (found.node == nullptr) missing_.push_back(found.missing);
      return next();
    });
  }

  Executor& executor_;
  const WorkOwner owner_;
  SourceFinder finder_;
  const std::shared_ptr<const Storage> storage_;
  SourceNames names_;
  std::size_t at_ = 0;
  std::vector<std::string> missing_;
};

}  // namespace

kj::Promise<VirtualExtent> measureExtent(NodePlace place, const Dataspace& space,
                                         std::shared_ptr<const Storage> storage) {
  auto measurement = kj::heap<Measurement>(kj::mv(place), space, std::move(storage));
  auto promise = kj::evalNow([&] { return guarded([&] { return measurement->run(); }); });
  return promise.attach(kj::mv(measurement));
}

kj::Promise<std::vector<std::string>> findMissingSources(NodePlace place, std::shared_ptr<const Storage> storage) {
  auto search = kj::heap<MissingSearch>(kj::mv(place), std::move(storage));
  auto promise = kj::evalNow([&] { return guarded([&] { return search->run(); }); });
  return promise.attach(kj::mv(search));
}

}  // namespace h5cap
