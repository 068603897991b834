#include "server/planner/element-read.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/codec/registered.h"
#include "server/planner/dataset-info.h"
#include "server/planner/dataspace.h"
#include "server/planner/hdf5-error.h"
#include "server/planner/packer.h"
#include "server/planner/stored-element.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t ARENA_SLACK = 32;  // malloc's own bytes for each piece, about

// Where libhdf5 puts variable-length data: freed as a whole, also what a failed read leaves behind, and bounded,
// because a file may claim lengths that it does not have.
class Arena {
 public:
  explicit Arena(std::size_t room) : room_(room) {}

  Handle transferList() {
    Handle list = own(H5Pcreate(H5P_DATASET_XFER), "make a transfer list");
    check(H5Pset_vlen_mem_manager(list.get(), allocate, this, release, this), "set the memory of a transfer");
    return list;
  }

  bool isExhausted() const { return isExhausted_; }

 private:
  static void* allocate(size_t size, void* self) {
    auto& arena = *static_cast<Arena*>(self);
    if (size + ARENA_SLACK > arena.room_) {
      arena.isExhausted_ = true;
      return nullptr;
    }
    arena.room_ -= size + ARENA_SLACK;
    arena.pieces_.emplace_back(std::malloc(size));
    return arena.pieces_.back().get();
  }
  static void release(void*, void*) {}

  struct Free {
    void operator()(void* piece) const { std::free(piece); }
  };
  std::vector<std::unique_ptr<void, Free>> pieces_;
  std::size_t room_;
  bool isExhausted_ = false;
};

// Along one axis: consecutive indices of the dataset, and where they stand in the result.
struct Stretch {
  hsize_t fileStart, fileStride, memoryStart, count;
};

std::vector<Stretch> stretchesOf(const RegionAxis& axis) {
  if (axis.indices.empty()) return {{axis.start, axis.step == 0 ? 1 : axis.step, 0, axis.count}};
  std::vector<Stretch> stretches;
  for (std::size_t i = 0; i < axis.indices.size(); ++i) {
    if (!stretches.empty() && axis.indices[i] == stretches.back().fileStart + stretches.back().count) {
      ++stretches.back().count;
    } else {
      stretches.push_back({axis.indices[i], 1, i, 1});
    }
  }
  return stretches;
}

void checkRegion(const Region& region, const Shape& shape) {
  if (region.axes.size() != shape.size()) {
    throw BadSelection("a region of rank " + std::to_string(region.axes.size()) + " in a dataset of rank " +
                       std::to_string(shape.size()));
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const RegionAxis& axis = region.axes[i];
    if (!axis.indices.empty() && axis.indices.size() != axis.count)
      throw BadSelection("a region that contradicts itself");
    bool isOutside = axis.count > shape[i] && axis.indices.empty();
    for (std::uint64_t index : axis.indices) isOutside = isOutside || index >= shape[i];
    if (axis.indices.empty() && axis.count > 0 && !isOutside) {
      std::uint64_t steps = axis.count - 1;
      isOutside = axis.start >= shape[i] || (steps > 0 && axis.step > (shape[i] - 1 - axis.start) / steps);
    }
    if (isOutside) {
      throw BadSelection("a region outside the " + std::to_string(shape[i]) + " indices of axis " + std::to_string(i));
    }
  }
}

void raiseMissingFilter(hid_t creationList) {
  for (const Filter& filter : filtersOf(creationList)) {
    if (H5Zfilter_avail(static_cast<H5Z_filter_t>(filter.id)) > 0) continue;
    throw FileError(codec::missingFilterMessage(filter.id, filter.name), ErrorCode::missingFilter);
  }
}

// Throws unless every point lies in the shape.
void checkPoints(std::span<const std::uint64_t> points, const Shape& shape) {
  if (shape.empty() || points.size() % shape.size() != 0) throw BadSelection("points of another rank than the dataset");
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto axis = i % shape.size();
    if (points[i] >= shape[axis]) {
      throw BadSelection("a point outside the " + std::to_string(shape[axis]) + " indices of axis " +
                         std::to_string(axis));
    }
  }
}

class RegionReader {
 public:
  RegionReader(hid_t dataset, hid_t type, hid_t fileSpace, hid_t transfer, const Region& region)
      : dataset_(dataset), type_(type), fileSpace_(fileSpace), transfer_(transfer), rank_(region.axes.size()) {
    Shape counts = region.counts();
    std::vector<hsize_t> extent(counts.begin(), counts.end());
    for (const RegionAxis& axis : region.axes) stretches_.push_back(stretchesOf(axis));
    memorySpace_ = rank_ == 0
                       ? own(H5Screate(H5S_SCALAR), "make a memory space")
                       : own(H5Screate_simple(static_cast<int>(rank_), extent.data(), nullptr), "make a memory space");
  }

  void read(void* to) { readAxis(0, to); }

 private:
  // One H5Dread for every combination of stretches: unions of hyperslabs cost libhdf5 more, and forget the order.
  void readAxis(std::size_t axis, void* to) {
    if (axis < rank_) {
      for (const Stretch& stretch : stretches_[axis]) {
        current_[axis] = stretch;
        readAxis(axis + 1, to);
      }
      return;
    }
    if (rank_ > 0) {
      hsize_t fileStart[H5S_MAX_RANK], stride[H5S_MAX_RANK], count[H5S_MAX_RANK], memoryStart[H5S_MAX_RANK];
      for (std::size_t i = 0; i < rank_; ++i) {
        fileStart[i] = current_[i].fileStart;
        stride[i] = current_[i].fileStride;
        count[i] = current_[i].count;
        memoryStart[i] = current_[i].memoryStart;
      }
      check(H5Sselect_hyperslab(fileSpace_, H5S_SELECT_SET, fileStart, stride, count, nullptr), "select elements");
      check(H5Sselect_hyperslab(memorySpace_.get(), H5S_SELECT_SET, memoryStart, nullptr, count, nullptr),
            "select elements");
    }
    check(H5Dread(dataset_, type_, memorySpace_.get(), fileSpace_, transfer_, to), "read elements");
  }

  hid_t dataset_, type_, fileSpace_, transfer_;
  std::size_t rank_;
  std::vector<std::vector<Stretch>> stretches_;
  Stretch current_[H5S_MAX_RANK];
  Handle memorySpace_;
};

// In one H5Dread: libhdf5 keeps the order of points, and reads repeated ones as often.
void readPoints(hid_t dataset, hid_t type, hid_t fileSpace, hid_t transfer, std::span<const std::uint64_t> points,
                std::size_t count, void* to) {
  std::vector<hsize_t> coordinates(points.begin(), points.end());
  check(H5Sselect_elements(fileSpace, H5S_SELECT_SET, count, coordinates.data()), "select elements");
  hsize_t extent = count;
  Handle memorySpace = own(H5Screate_simple(1, &extent, nullptr), "make a memory space");
  check(H5Dread(dataset, type, memorySpace.get(), fileSpace, transfer, to), "read elements");
}

void checkServed(const DataType& type, hid_t creationList) {
  std::string unsupported = type.unsupportedReason();
  if (!unsupported.empty()) throw Unimplemented(unsupported);
  Layout layout = layoutOf(creationList);
  if (layout == Layout::virtualMapping) throw Unimplemented("elements of a virtual dataset by way of the library");
  if (layout == Layout::external) throw Unimplemented("external raw files");
}

// Gives back what references in elements hold, when it goes.
class ReferenceHold {
 public:
  ReferenceHold(const MappedType& mapped, hid_t type, hid_t transfer, hsize_t count, void* memory)
      : type_(type), transfer_(transfer), memory_(memory) {
    if (holdsReferences(*mapped.layout)) space_ = own(H5Screate_simple(1, &count, nullptr), "make a memory space");
  }
  ~ReferenceHold() {
    if (space_) H5Dvlen_reclaim(type_, space_.get(), transfer_, memory_);  // the rest of it is the arena's
  }
  ReferenceHold(const ReferenceHold&) = delete;
  ReferenceHold& operator=(const ReferenceHold&) = delete;

 private:
  hid_t type_, transfer_;
  void* memory_;
  Handle space_;
};

[[noreturn]] void rethrowTooLarge(std::size_t most) {
  throw FileError("variable-length data beyond " + std::to_string(most) + " bytes in one read", ErrorCode::tooLarge);
}

bool ranOutOfMemory() { return innermostError().reason.find("memory allocation failed") != std::string::npos; }

// Of the one element that there is.
std::vector<std::uint64_t> coordinatesOf(const Region& region, std::span<const std::uint64_t> points) {
  if (!points.empty()) return {points.begin(), points.end()};
  std::vector<std::uint64_t> coordinates;
  for (const RegionAxis& axis : region.axes) coordinates.push_back(axis.at(0));
  return coordinates;
}

// Up to `maxBytes` with their heap, for which libhdf5 gets up to `room`.
PackedData read(const OpenFile& file, ObjectId id, const Region& region, std::span<const std::uint64_t> points,
                std::size_t maxBytes, std::size_t room) {
  Handle dataset = file.dataset(id);
  Handle creation = own(H5Dget_create_plist(dataset.get()), "read the dataset's properties");
  Handle type = own(H5Dget_type(dataset.get()), "read the datatype");
  MappedType mapped = mapType(type.get());
  checkServed(mapped.type, creation.get());
  Handle space = own(H5Dget_space(dataset.get()), "read the shape");
  Dataspace extent = readSpace(space.get());
  if (extent.kind == Dataspace::Kind::null) throw BadSelection("a dataset without elements");
  if (points.empty()) {
    checkRegion(region, extent.shape);
  } else {
    checkPoints(points, extent.shape);
  }
  std::uint64_t count = points.empty() ? region.elementCount() : points.size() / extent.shape.size();
  std::size_t elementBytes = std::max<std::size_t>({mapped.layout->memoryBytes, mapped.layout->packedBytes, 1});
  if (count > maxBytes / elementBytes) {
    throw FileError(std::to_string(count) + " elements of " + std::to_string(elementBytes) + " bytes; the limit is " +
                        std::to_string(maxBytes) + " bytes",
                    ErrorCode::tooLarge);
  }
  if (count == 0) return {};
  // libhdf5 would hold it several times before it is found to be too large.
  if (count == 1 && mapped.type.hasVariable() &&
      statedHeapBytes(file, id, mapped, coordinatesOf(region, points)) > maxBytes)
    rethrowTooLarge(maxBytes);
  Bytes memory(count * mapped.layout->memoryBytes);
  Arena arena(room);
  Handle transfer = arena.transferList();
  try {
    if (points.empty()) {
      RegionReader(dataset.get(), type.get(), space.get(), transfer.get(), region).read(memory.data());
    } else {
      readPoints(dataset.get(), type.get(), space.get(), transfer.get(), points, count, memory.data());
    }
  } catch (const FileError&) {
    if (arena.isExhausted() || ranOutOfMemory()) rethrowTooLarge(maxBytes);
    raiseMissingFilter(creation.get());
    throw;
  }
  const ReferenceHold hold(mapped, type.get(), transfer.get(), count, memory.data());
  if (mapped.layout->kind == MemoryLayout::Kind::plain) return {std::move(memory), {}};
  return pack(*mapped.layout, memory.data(), count, maxBytes);
}

}  // namespace

PackedData readElements(const OpenFile& file, ObjectId id, const Region& region,
                        std::span<const std::uint64_t> points) {
  return read(file, id, region, points, MAX_ELEMENT_REPLY_BYTES, 4 * MAX_ELEMENT_REPLY_BYTES);
}

PackedData readElement(const OpenFile& file, ObjectId id, std::span<const std::uint64_t> coordinates,
                       std::size_t maxBytes) {
  Region region;
  for (std::uint64_t at : coordinates) region.axes.push_back({at, 1, 1, {}, false});
  return read(file, id, region, {}, maxBytes, maxBytes);
}

void checkCoordinates(const OpenFile& file, ObjectId id, std::span<const std::uint64_t> coordinates) {
  Handle dataset = file.dataset(id);
  Handle space = own(H5Dget_space(dataset.get()), "read the shape");
  const Dataspace extent = readSpace(space.get());
  if (extent.kind == Dataspace::Kind::null || coordinates.size() != extent.shape.size())
    throw BadSelection("an element of another rank than its dataset");
  if (!coordinates.empty()) checkPoints(coordinates, extent.shape);
}

}  // namespace h5cap::hdf5
