// A plan: where the elements of a dataset are, as a planner reported it.  Executors carry plans out without libhdf5.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "h5cap/node.h"

namespace h5cap {

struct Unallocated {};
struct InlineBytes {
  Bytes bytes;
};
struct ContiguousStorage {
  std::uint64_t address = 0;  // absolute in the file
  std::uint64_t size = 0;
};
struct ChunkedStorage {
  Shape chunkShape;
  std::vector<Filter> filters;
  bool partialChunksUnfiltered = false;
};
struct VirtualStorage {
  std::vector<VirtualSource> sources;
};
struct ExternalStorage {
  std::vector<ExternalFile> files;
};
struct LibraryOnly {
  std::string why;
};

using Storage = std::variant<Unallocated, InlineBytes, ContiguousStorage, ChunkedStorage, VirtualStorage,
                             ExternalStorage, LibraryOnly>;

struct ChunkExtent {
  static constexpr std::uint64_t neverWritten = unlimited;
  std::uint64_t address = neverWritten;
  std::uint64_t size = 0;
  std::uint32_t filterMask = 0;
};
using Extents = std::vector<ChunkExtent>;

}  // namespace h5cap
