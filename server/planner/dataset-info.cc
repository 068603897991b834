#include "server/planner/dataset-info.h"

#include "server/planner/dataspace.h"
#include "server/planner/handle.h"
#include "server/planner/packer.h"
#include "server/planner/type-map.h"
#include "server/planner/virtual-map.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_LISTED_MAPPINGS = 100'000;
constexpr std::size_t MAX_MAPPING_BYTES = 32 << 20;
constexpr std::size_t MAPPING_OVERHEAD = 128;  // about, on the wire, besides names and selections
constexpr std::size_t MAX_FILL_BYTES = 32 << 20;
constexpr std::size_t FILTER_NAME_BYTES = 256;

FillTime fillTimeOf(hid_t creationList) {
  H5D_fill_time_t time;
  check(H5Pget_fill_time(creationList, &time), "look at the time of filling");
  switch (time) {
    case H5D_FILL_TIME_NEVER:
      return FillTime::never;
    case H5D_FILL_TIME_ALLOC:
      return FillTime::allocation;
    default:
      return FillTime::ifSet;
  }
}

std::size_t sizeOf(const Hyperslab& slab) {
  return slab.dimensions.size() * sizeof(Hyperslab::Dimension) +
         (slab.boxes.size() + slab.extent.size()) * sizeof(std::uint64_t);
}

// Throws FileError (tooLarge): a list that is cut, or empty, would say something untrue about the dataset.
std::vector<VirtualSource> listMappings(hid_t creationList) {
  std::size_t count = mappingCount(creationList);
  if (count > MAX_LISTED_MAPPINGS) {
    throw FileError("its " + std::to_string(count) + " virtual mappings are more than the " +
                        std::to_string(MAX_LISTED_MAPPINGS) + " that can be listed",
                    ErrorCode::tooLarge);
  }
  std::vector<VirtualSource> sources = readMappings(creationList);
  std::size_t bytes = 0;
  for (const VirtualSource& source : sources) {
    bytes += MAPPING_OVERHEAD + source.file.size() + source.dataset.size() + sizeOf(source.virtualSelection) +
             sizeOf(source.sourceSelection);
  }
  if (bytes > MAX_MAPPING_BYTES) {
    throw FileError("its virtual mappings have " + std::to_string(bytes) + " bytes; the limit for listing them is " +
                        std::to_string(MAX_MAPPING_BYTES),
                    ErrorCode::tooLarge);
  }
  return sources;
}

void readFill(hid_t creationList, hid_t type, const MemoryLayout& layout, DatasetInfo& info) {
  H5D_fill_value_t status;
  check(H5Pfill_value_defined(creationList, &status), "look at the fill value");
  info.fillUndefined = status == H5D_FILL_VALUE_UNDEFINED;
  if (status != H5D_FILL_VALUE_USER_DEFINED) return;
  if (layout.memoryBytes > MAX_FILL_BYTES) {
    throw FileError("an element of " + std::to_string(layout.memoryBytes) + " bytes", ErrorCode::tooLarge);
  }
  Bytes memory(layout.memoryBytes);
  check(H5Pget_fill_value(creationList, type, memory.data()), "read the fill value");
  PackedData packed = pack(layout, memory.data(), 1, MAX_FILL_BYTES);
  info.fillValue = std::move(packed.elements);
  info.fillHeap = std::move(packed.heap);
  info.fillDefined = true;
  if (info.type.hasVariable()) {
    Handle scalar = own(H5Screate(H5S_SCALAR), "make a scalar space");
    H5Dvlen_reclaim(type, scalar.get(), H5P_DEFAULT, memory.data());
  }
}

Filter readFilter(hid_t creationList, unsigned i) {
  Filter filter;
  char name[FILTER_NAME_BYTES] = "";
  unsigned flags = 0, config = 0;
  size_t count = 32;
  filter.parameters.resize(count);
  H5Z_filter_t id =
      H5Pget_filter2(creationList, i, &flags, &count, filter.parameters.data(), sizeof name, name, &config);
  if (id >= 0 && count > filter.parameters.size()) {
    filter.parameters.resize(count);
    id = H5Pget_filter2(creationList, i, &flags, &count, filter.parameters.data(), sizeof name, name, &config);
  }
  if (id < 0) throwHdf5Error("read a filter");
  filter.parameters.resize(count);
  filter.id = static_cast<std::uint32_t>(id);
  filter.flags = flags;
  name[sizeof name - 1] = '\0';
  filter.name = name;
  return filter;
}

}  // namespace

Layout layoutOf(hid_t creationList) {
  switch (H5Pget_layout(creationList)) {
    case H5D_COMPACT:
      return Layout::compact;
    case H5D_CONTIGUOUS:
      // Says contiguous, with offset -1 and storage above 0: only the count tells.
      return H5Pget_external_count(creationList) > 0 ? Layout::external : Layout::contiguous;
    case H5D_CHUNKED:
      return Layout::chunked;
    case H5D_VIRTUAL:
      return Layout::virtualMapping;
    default:
      return Layout::unknown;
  }
}

Shape chunkShapeOf(hid_t creationList) {
  hsize_t dimensions[H5S_MAX_RANK];
  int rank = check(H5Pget_chunk(creationList, H5S_MAX_RANK, dimensions), "read the chunk shape");
  return Shape(dimensions, dimensions + rank);
}

std::vector<Filter> filtersOf(hid_t creationList) {
  int count = check(H5Pget_nfilters(creationList), "count the filters");
  std::vector<Filter> filters;
  for (int i = 0; i < count; ++i) filters.push_back(readFilter(creationList, i));
  return filters;
}

std::vector<ExternalFile> externalFilesOf(hid_t creationList) {
  int count = check(H5Pget_external_count(creationList), "count the external raw files");
  std::vector<ExternalFile> files;
  for (int i = 0; i < count; ++i) {
    char name[4097] = "";
    off_t offset = 0;
    hsize_t size = 0;
    check(H5Pget_external(creationList, i, sizeof name - 1, name, &offset, &size), "read an external raw file's name");
    files.push_back({name, static_cast<std::uint64_t>(offset), size == H5F_UNLIMITED ? unlimited : size});
  }
  return files;
}

Dataspace spaceOf(hid_t dataset, hid_t creationList) {
  if (layoutOf(creationList) == Layout::virtualMapping) {
    if (auto space = growingSpace(creationList)) return *space;
  }
  Handle space = own(H5Dget_space(dataset), "read the shape");
  return readSpace(space.get());
}

DatasetInfo describeDataset(hid_t dataset, hid_t creationList, Detail detail) {
  Handle type = own(H5Dget_type(dataset), "read the datatype");
  MappedType mapped = mapType(type.get());
  DatasetInfo info;
  info.type = std::move(mapped.type);
  info.space = spaceOf(dataset, creationList);
  info.layout = layoutOf(creationList);
  info.filters = filtersOf(creationList);
  if (info.layout == Layout::chunked) info.chunkShape = chunkShapeOf(creationList);
  if (info.layout == Layout::external) info.externalFiles = externalFilesOf(creationList);
  readFill(creationList, type.get(), *mapped.layout, info);
  info.fillTime = fillTimeOf(creationList);
  if (info.layout == Layout::virtualMapping) {
    if (detail == Detail::full) info.virtualSources = listMappings(creationList);
  } else if (info.layout != Layout::chunked || detail == Detail::full) {
    info.storageBytes = H5Dget_storage_size(dataset);  // of a chunked one: walks the whole index
  }
  return info;
}

}  // namespace h5cap::hdf5
