#include "server/planner/storage-plan.h"

#include <algorithm>

#include "h5cap/error.h"
#include "server/planner/dataset-info.h"
#include "server/planner/dataspace.h"
#include "server/planner/type-map.h"
#include "server/planner/virtual-map.h"

namespace h5cap::hdf5 {

namespace {

const char* const VARIABLE = "variable-length data";

constexpr std::size_t MAX_COMPACT_BYTES = 64 << 10;  // the size of a message in an object header is 16 bits

Storage compact(hid_t dataset, hid_t type, std::uint64_t count, std::size_t elementBytes) {
  if (count > MAX_COMPACT_BYTES / std::max<std::size_t>(elementBytes, 1)) {
    throw FileError("a compact dataset of " + std::to_string(count) + " elements");
  }
  Bytes bytes(count * elementBytes);
  check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), "read a compact dataset");
  return InlineBytes{std::move(bytes)};
}

// H5Dget_offset counts the user block in, even when there is no address to add it to.
Storage contiguous(hid_t dataset, std::uint64_t userBlock, bool isVariable) {
  haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF || offset == HADDR_UNDEF + userBlock) return Unallocated{};
  if (isVariable) return LibraryOnly{VARIABLE};
  return ContiguousStorage{offset, H5Dget_storage_size(dataset)};
}

bool partialChunksUnfiltered(hid_t creationList) {
  unsigned options = 0;
  check(H5Pget_chunk_opts(creationList, &options), "read the chunk options");
  return (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
}

}  // namespace

Storage planStorage(const OpenFile& file, ObjectId id) {
  Handle dataset = file.dataset(id);
  Handle creation = own(H5Dget_create_plist(dataset.get()), "read the dataset's properties");
  Layout layout = layoutOf(creation.get());
  if (layout == Layout::virtualMapping) return VirtualStorage{readMappings(creation.get())};
  if (layout == Layout::external) return ExternalStorage{externalFilesOf(creation.get())};

  std::uint64_t count = elementsIn(spaceOf(dataset.get(), creation.get()));
  if (count == 0) return Unallocated{};
  Handle type = own(H5Dget_type(dataset.get()), "read the datatype");
  MappedType mapped = mapType(type.get());
  bool isVariable = mapped.type.hasVariable();
  switch (layout) {
    case Layout::compact:
      if (isVariable) return LibraryOnly{VARIABLE};
      return compact(dataset.get(), type.get(), count, mapped.layout->memoryBytes);
    case Layout::contiguous:
      return contiguous(dataset.get(), file.info().userBlockSize, isVariable);
    case Layout::chunked:
      if (isVariable) return LibraryOnly{VARIABLE};
      return ChunkedStorage{chunkShapeOf(creation.get()), filtersOf(creation.get()),
                            partialChunksUnfiltered(creation.get())};
    default:
      throw Unimplemented("a dataset of an unknown layout");
  }
}

}  // namespace h5cap::hdf5
