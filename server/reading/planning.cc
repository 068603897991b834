#include "server/reading/planning.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/plan/cover.h"
#include "core/plan/stored-plan.h"
#include "core/plan/virtual-plan.h"
#include "core/unlimited-axis.h"
#include "server/base/guarded.h"

namespace h5cap {
namespace {

// Sources that are opened, or planned, side by side.
constexpr std::size_t sideBySide = 32;

// Parts of sources that one reply may take.
constexpr std::size_t maxPieces = 65'536;

// Of a nested dataset of which more than a few parts are mapped, and that is then made as a whole.
constexpr std::uint64_t wholeBytes = 1 << 20;
constexpr unsigned fewParts = 4;

// Raw files that one reply may take.
constexpr std::size_t maxSlots = 64;

void append(std::string& key, std::uint64_t value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); }

// The depth is part of it: a dataset that maps itself is not waited for by itself, and ends where the levels do.
std::string keyOf(std::size_t file, ObjectId id, int depthLeft, const Region& region) {
  std::string key;
  append(key, static_cast<std::uint64_t>(depthLeft));
  append(key, file);
  append(key, id);
  for (const RegionAxis& axis : region.axes) {
    for (std::uint64_t value : {axis.start, axis.step, axis.count, std::uint64_t{axis.indices.size()}})
      append(key, value);
    for (std::uint64_t index : axis.indices) append(key, index);
  }
  return key;
}

// Runs `begin` for 0 to count - 1, some of them side by side.
class SideBySide {
 public:
  SideBySide(std::size_t count, kj::Function<kj::Promise<void>(std::size_t)> begin)
      : count_(count), begin_(kj::mv(begin)) {}

  kj::Promise<void> run() {
    const std::size_t lanes = std::min(count_, sideBySide);
    auto all = kj::heapArrayBuilder<kj::Promise<void>>(lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) all.add(next());
    return kj::joinPromises(all.finish());
  }

 private:
  kj::Promise<void> next() {
    if (at_ == count_) return kj::READY_NOW;
    const std::size_t number = at_++;
    return inPromise([&] { return begin_(number); }).then([this] { return next(); });
  }

  const std::size_t count_;
  kj::Function<kj::Promise<void>(std::size_t)> begin_;
  std::size_t at_ = 0;
};

kj::Promise<void> forEach(std::size_t count, kj::Function<kj::Promise<void>(std::size_t)> begin) {
  if (count == 1) return inPromise([&] { return begin(0); });
  auto all = kj::heap<SideBySide>(count, kj::mv(begin));
  auto promise = all->run();
  return promise.attach(kj::mv(all));
}

CheckedSize bytesOf(const Region& region, const PlannedDataset& dataset) {
  return productOf(region.counts()) * dataset.elementBytes();
}

// All meetings of one region of a virtual dataset with its sources, as they are projected: for a thread of its own.
struct Projections {
  std::vector<VirtualSource> mappings;  // each with one source
  std::vector<Shape> sourceShapes;      // of each; those that are absent have no parts
  std::vector<bool> isThere;
  Shape virtualShape;
  Region region;
  std::vector<std::vector<ProjectedPart>> parts;  // of each mapping

  void make() {
    parts.resize(mappings.size());
    std::size_t count = 0;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
      checkWanted();
      if (isThere[i]) parts[i] = project(mappings[i], virtualShape, sourceShapes[i], region);
      count += parts[i].size();
      if (count > maxPieces) throw FileError("a virtual dataset's mappings are too fragmented", ErrorCode::tooLarge);
    }
  }
};

}  // namespace

// One region of a virtual dataset.
class Planning::Sources {
 public:
  Sources(Planning& planning, Dataset dataset, std::shared_ptr<const PlannedDataset> planned, Region region)
      : planning_(planning), dataset_(kj::mv(dataset)), planned_(std::move(planned)),
        finder_(dataset_.place.clone()), projections_(std::make_shared<Projections>()) {
    projections_->virtualShape = dataset_.shape;
    projections_->region = std::move(region);
  }

  kj::Promise<ArrayPointer> run() {
    auto& version = *planning_.files_[dataset_.file].version;
    return version.mappings(dataset_.node->id)
        .then([this](std::shared_ptr<const MappingIndex> index) {
          return guarded([&] {
            const auto& mappings = std::get<VirtualStorage>(*planned_->storage).sources;
            Projections& all = *projections_;
            all.mappings = mappingsMeeting(mappings, *index, dataset_.shape,
                                           dataset_.extent == nullptr ? nullptr : &dataset_.extent->blocks,
                                           all.region);
            planning_.spend(planning_.piecesLeft_, all.mappings.size());
            sources_ = std::vector<kj::Maybe<Dataset>>(all.mappings.size());
            all.sourceShapes.resize(all.mappings.size());
            all.isThere.resize(all.mappings.size());
            return forEach(all.mappings.size(), [this](std::size_t i) { return find(i); });
          });
        })
        .then([this] {
          auto& executor = dataset_.place.file->session().server.executor;
          return executor.run<void>(planning_.owner_, [projections = projections_] { projections->make(); });
        })
        .then([this] {
          return guarded([&] {
            for (std::size_t i = 0; i < projections_->parts.size(); ++i)
              for (std::size_t k = 0; k < projections_->parts[i].size(); ++k) parts_.push_back({i, k, nullptr});
            planning_.spend(planning_.piecesLeft_, parts_.size());
            return forEach(parts_.size(), [this](std::size_t i) { return planPart(parts_[i]); });
          });
        })
        .then([this] { return guarded([&] { return assemble(); }); });
  }

 private:
  struct Part {
    std::size_t source, number;  // in projections_->parts
    ArrayPointer array;
  };

  kj::Promise<void> find(std::size_t i) {
    const VirtualSource& mapping = projections_->mappings[i];
    return finder_.find(mapping.file, mapping.dataset)
        .then([this, i](FoundSource found) -> kj::Promise<void> {
          KJ_IF_MAYBE(node, found.node) {
            auto& version = *node->version;
            return version.info().then([this, i, node = kj::mv(*node)](std::shared_ptr<const FileInfo>) mutable {
              guarded([&] { take(i, kj::mv(node)); });
            });
          }
          guarded([&] { planning_.absent(dataset_.place, found.missing); });
          KJ_IF_MAYBE(file, found.file) return seeLacking(i, kj::mv(*file));
          planning_.see(*dataset_.place.file, projections_->mappings[i], IsThere::no);
          return kj::READY_NOW;
        });
  }

  // A file without the dataset may get it.
  kj::Promise<void> seeLacking(std::size_t i, kj::Own<OpenFile> file) {
    auto& lacking = *file;
    return lacking.current()
        .then([this, i, &lacking](kj::Own<FileVersion> version) {
          auto& current = *version;
          return current.info().then([this, i, &lacking, version = kj::mv(version)](auto&&) mutable {
            planning_.see(*dataset_.place.file, projections_->mappings[i], IsThere::yes);
            planning_.seen_.push_back(seenFile(lacking, *version));
          });
        })
        .attach(kj::mv(file));
  }

  void take(std::size_t i, FoundNode found) {
    const VirtualSource& mapping = projections_->mappings[i];
    planning_.see(*dataset_.place.file, mapping, IsThere::yes);
    planning_.seen_.push_back(seenFile(*found.place.file, *found.version));
    const bool isKept = mapping.file == "." || dataset_.place.file->sources().isKept(mapping.file, *found.place.file);
    auto& root = *planning_.files_.front().file;
    if (!isKept) root.sources().remember(SourceFiles::Behind::link, found.place.file->requestedPath());
    const Dataspace& space = found.info->dataset->space;
    // One that grows itself counts with the extent that its file stores, as in libhdf5, and reads as fill beyond.
    Shape& shape = projections_->sourceShapes[i] = space.shape;
    if (space.kind == Dataspace::Kind::unknown) growToHold(shape, mapping.sourceSelection);
    projections_->isThere[i] = true;
    const std::size_t file = planning_.pin(*found.place.file, kj::mv(found.version));
    sources_[i] = Dataset{kj::mv(found.place), file, found.info, space.shape, nullptr, dataset_.depthLeft - 1};
  }

  kj::Promise<void> planPart(Part& part) {
    Dataset& source = KJ_ASSERT_NONNULL(sources_[part.source]);
    Wanted wanted = projections_->parts[part.source][part.number].source;
    return planning_.planDataset(source.clone(), std::move(wanted)).then([this, &part](ArrayPointer array) {
      guarded([&] {
        // What is made is in memory beside the reply, and so is what becomes less by conversion.
        if (array->pieces.size() != 1 || array->elementBytes() > planned_->elementBytes())
          planning_.spendMemory(bytesOf(*array));
        part.array = std::move(array);
      });
    });
  }

  ArrayPointer assemble() {
    auto array = std::make_shared<ArrayPlan>(planFill(*planned_, projections_->region));
    for (Part& part : parts_) {
      try {
        addArray(*array, std::move(part.array), std::move(projections_->parts[part.source][part.number].place));
      } catch (const BadType& problem) {
        refuse(part.source, ErrorCode::fileProblem, problem.what());
      } catch (const Unimplemented& problem) {
        refuse(part.source, ErrorCode::unimplemented, problem.what());
      }
    }
    return array;
  }

  [[noreturn]] void refuse(std::size_t source, ErrorCode code, const std::string& why) {
    raiseKj(code, dataset_.place.text() + ": its source " + KJ_ASSERT_NONNULL(sources_[source]).place.text() +
                      " has another datatype: " + why);
  }

  static CheckedSize bytesOf(const ArrayPlan& array) { return productOf(array.counts) * array.elementBytes(); }

  Planning& planning_;
  Dataset dataset_;
  const std::shared_ptr<const PlannedDataset> planned_;
  SourceFinder finder_;
  const std::shared_ptr<Projections> projections_;
  std::vector<kj::Maybe<Dataset>> sources_;  // of each mapping
  std::vector<Part> parts_;                  // in the order in which they count
};

kj::Promise<Planning::ArrayPointer> Planning::run(Subject subject, Wanted wanted) {
  const std::size_t file = pin(*subject.place.file, kj::mv(subject.version));
  Dataset dataset{kj::mv(subject.place), file, kj::mv(subject.node), std::move(subject.shape), subject.extent,
                  maxVirtualDepth};
  return planDataset(kj::mv(dataset), std::move(wanted));
}

void Planning::finish(ArrayPointer array) {
  plan_->array = std::move(array);
  plan_->versions.reserve(files_.size());
  for (const PinnedFile& pinned : files_) plan_->versions.push_back(pinned.version->version());
}

kj::Promise<Planning::ArrayPointer> Planning::planDataset(Dataset dataset, Wanted wanted) {
  auto storing = files_[dataset.file].version->storage(dataset.node->id);
  return storing.then([this, dataset = kj::mv(dataset), wanted = std::move(wanted)](
                          std::shared_ptr<const Storage> storage) mutable -> kj::Promise<ArrayPointer> {
    return guarded([&]() -> kj::Promise<ArrayPointer> {
      auto planned = plannedDataset(dataset.file, *dataset.node, dataset.shape, kj::mv(storage));
      auto made = [](ArrayPlan plan) -> ArrayPointer { return std::make_shared<const ArrayPlan>(std::move(plan)); };
      switch (roadOf(*planned)) {
        case Road::fill:
          isUnallocated_ = isUnallocated_ || dataset.depthLeft == maxVirtualDepth;
          return made(planFill(*planned, wanted));
        case Road::onePiece:
          return made(planOnePiece(std::move(planned), std::move(wanted)));
        case Road::library:
          return made(planLibrary(std::move(planned), std::move(wanted), plan_->libraryReads));
        case Road::rawFiles: {
          auto plan = planRawFiles(std::move(planned), wanted, plan_->rawReads, maxSlots);
          while (rawPlaces_.size() < plan_->rawReads.size()) rawPlaces_.push_back(dataset.place.clone());
          return made(std::move(plan));
        }
        case Road::chunks:
          return planChunked(std::move(planned), std::move(wanted));
        case Road::sources:
          break;
      }
      if (auto* region = std::get_if<Region>(&wanted)) {
        if (isWorthMakingWhole(dataset, *planned, *region))
          return planAsPicked(kj::mv(dataset), std::move(planned), std::move(*region));
        return planVirtual(kj::mv(dataset), std::move(planned), std::move(*region));
      }
      return planCovered(kj::mv(dataset), std::move(planned), std::move(wanted));
    });
  });
}

kj::Promise<Planning::ArrayPointer> Planning::planChunked(std::shared_ptr<const PlannedDataset> planned,
                                                          Wanted wanted) {
  auto ask = [this](std::shared_ptr<const PlannedDataset> planned, Wanted wanted,
                    ChunkQuestion question) -> kj::Promise<ArrayPointer> {
    if (question.chunkCount > rpc::MAX_PLAN_CHUNKS)
      raiseKj(ErrorCode::tooLarge, "one reply would take too many chunks");
    spend(chunksLeft_, question.chunkCount);
    auto& version = *files_[planned->file].version;
    auto asking = question.elements == nullptr
                      ? version.extents(planned->id, question.grid, question.box)
                      : version.extentsOf(planned->id, question.grid, question.elements->chunks);
    return asking.then([planned = std::move(planned), wanted = std::move(wanted), question = std::move(question)](
                           std::shared_ptr<const Extents> extents) mutable -> ArrayPointer {
      return std::make_shared<const ArrayPlan>(
          planChunks(std::move(planned), std::move(wanted), std::move(question), std::move(extents)));
    });
  };
  if (std::holds_alternative<Region>(wanted)) {
    ChunkQuestion question = chunksOf(*planned, wanted);
    return ask(std::move(planned), std::move(wanted), std::move(question));
  }
  // Single elements are sorted first.
  auto shared = std::make_shared<const Wanted>(std::move(wanted));
  auto& executor = files_.front().file->session().server.executor;
  return executor.run<ChunkQuestion>(owner_, [planned, shared] { return chunksOf(*planned, *shared); })
      .then([ask, planned, shared](ChunkQuestion question) mutable {
        return guarded([&] { return ask(std::move(planned), *shared, std::move(question)); });
      });
}

kj::Promise<Planning::ArrayPointer> Planning::planCovered(Dataset dataset,
                                                          std::shared_ptr<const PlannedDataset> planned,
                                                          Wanted wanted) {
  struct Covering {
    Dataset dataset;
    std::shared_ptr<const PlannedDataset> planned;
    std::vector<CoveredElements> regions;
    std::vector<ArrayPointer> arrays;
  };
  auto all = kj::heap<Covering>();
  all->dataset = kj::mv(dataset);
  all->regions = covering(wanted);
  all->arrays.resize(all->regions.size());
  all->planned = std::move(planned);
  spend(piecesLeft_, all->regions.size());
  auto planning = forEach(all->regions.size(), [this, &all = *all](std::size_t i) {
    const Region& region = all.regions[i].region;
    spendMemory(bytesOf(region, *all.planned));
    return planVirtual(all.dataset.clone(), all.planned, region).then([&all, i](ArrayPointer array) {
      all.arrays[i] = std::move(array);
    });
  });
  return planning.then([all = kj::mv(all), wanted = std::move(wanted)]() mutable -> ArrayPointer {
    auto array = std::make_shared<ArrayPlan>(planFill(*all->planned, wanted));
    std::uint64_t done = 0;
    for (std::size_t i = 0; i < all->regions.size(); ++i)
      done += addCovered(*array, std::move(all->arrays[i]), std::move(all->regions[i].places), done);
    return array;
  });
}

// A small dataset, over others of its own file, that is mapped in ever other parts, is made as a whole: or parts of
// parts multiply from level to level.
bool Planning::isWorthMakingWhole(const Dataset& dataset, const PlannedDataset& planned, const Region& region) {
  if (grain_ == Grain::bytes) return false;
  if (dataset.depthLeft == maxVirtualDepth || !productOf(planned.shape).isAtMost(wholeBytes / planned.elementBytes()))
    return false;
  const auto& mappings = std::get<VirtualStorage>(*planned.storage).sources;
  if (!std::all_of(mappings.begin(), mappings.end(), [](auto& mapping) { return mapping.file == "."; })) return false;
  for (std::size_t k = 0; k < planned.shape.size(); ++k)
    if (!allBelow(region.axes[k], planned.shape[k])) return false;
  return ++asked_[keyOf(dataset.file, dataset.node->id, dataset.depthLeft, {})] > fewParts;
}

kj::Promise<Planning::ArrayPointer> Planning::planAsPicked(Dataset dataset,
                                                           std::shared_ptr<const PlannedDataset> planned,
                                                           Region region) {
  spendMemory(bytesOf(region, *planned));
  const Resolved elements(asSelection(region), planned->shape);
  const auto steps = strides(planned->shape);
  const auto coordinates = elements.coordinates(0, region.elementCount());
  std::vector<std::uint64_t> numbers(region.elementCount());
  for (std::size_t i = 0; i < numbers.size(); ++i)
    for (std::size_t k = 0; k < steps.size(); ++k) numbers[i] += coordinates[i * steps.size() + k] * steps[k];
  Region whole = h5cap::resolve({}, planned->shape);
  auto planning = planVirtual(kj::mv(dataset), planned, std::move(whole));
  return planning.then([planned, region = std::move(region), numbers = std::move(numbers)](ArrayPointer all) mutable
                       -> ArrayPointer {
    auto array = std::make_shared<ArrayPlan>(planFill(*planned, region));
    addCovered(*array, std::move(all), std::move(numbers), 0);
    return array;
  });
}

// What several datasets map of one is planned once, and made once.
kj::Promise<Planning::ArrayPointer> Planning::planVirtual(Dataset dataset,
                                                          std::shared_ptr<const PlannedDataset> planned,
                                                          Region region) {
  if (dataset.depthLeft == 0)
    raiseKj(ErrorCode::fileProblem,
            dataset.place.text() + ": virtual datasets refer to each other more than 16 levels deep");
  auto key = keyOf(dataset.file, dataset.node->id, dataset.depthLeft, region);
  auto known = made_.find(key);
  if (known != made_.end()) return known->second.addBranch();
  spend(arraysLeft_, 1);
  if (dataset.depthLeft < maxVirtualDepth) spendMemory(bytesOf(region, *planned));
  auto sources = kj::heap<Sources>(*this, kj::mv(dataset), std::move(planned), std::move(region));
  auto planning = kj::evalLater([&sources = *sources] { return sources.run(); }).attach(kj::mv(sources)).fork();
  return made_.emplace(std::move(key), kj::mv(planning)).first->second.addBranch();
}

std::size_t Planning::pin(OpenFile& file, kj::Own<FileVersion> version) {
  std::size_t number = 0;
  if (files_.empty() || &files_.front().file->served() != &file.served()) {
    const std::size_t next = files_.size();
    if (next > 0) number = fileNumbers_.try_emplace(&file.served(), next).first->second;
    if (number == next) {
      files_.push_back({kj::addRef(file), kj::mv(version)});
      return number;
    }
  }
  if (!files_[number].isFollowed() && version->state() != files_[number].version->state()) {
    isStale_ = true;
    raiseKj(ErrorCode::changed, file.shownPath() + ": the file changed while it was read");
  }
  return number;
}

void Planning::see(OpenFile& from, const VirtualSource& mapping, IsThere isThere) {
  if (mapping.file != ".") seen_.push_back(seenName(from, mapping.file, isThere));
}

void Planning::absent(const NodePlace& from, const std::string& name) {
  if (absentSources_ == AbsentSources::raise)
    raiseKj(ErrorCode::missingSource, from.text() + ": its source '" + name + "' does not exist");
  missing_.push_back(name);
}

std::vector<std::string> Planning::missingSources() const {
  auto names = missing_;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Of what is made on the way: of single bytes, nothing is.
void Planning::spendMemory(CheckedSize bytes) {
  if (grain_ == Grain::elements) spend(bytesLeft_, bytes);
}

void Planning::spend(std::uint64_t& budget, CheckedSize amount) {
  const auto left = (CheckedSize(budget) - amount).fits();
  if (!left) raiseKj(ErrorCode::tooLarge, "one reply would take too many pieces of virtual datasets");
  budget = *left;
}

}  // namespace h5cap
