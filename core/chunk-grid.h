// Which chunks a region meets, and which of its elements lie in each.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/pack.h"

namespace h5cap {

// One chunk's share of a region: along each axis, where the elements stand in the chunk and where in the region.
struct ChunkPart {
  Shape chunk;                       // chunk coordinates: element coordinates divided by the chunk shape
  std::vector<Positions> inChunk;    // positions within the chunk
  std::vector<Positions> inRegion;   // positions within the region's counts()
};

// Calls `visit` for every chunk that holds elements of `region`, in C order of chunk coordinates.
void forEachChunk(const Region& region, const Shape& chunkShape, const std::function<void(const ChunkPart&)>& visit);

// The box of chunk coordinates that holds the region: first coordinates and counts.  Counts are zero for an empty
// region.
struct ChunkBox {
  Shape first;
  Shape count;
};
ChunkBox chunkBox(const Region& region, const Shape& chunkShape);

// Single elements, chunk after chunk.
struct ChunkElements {
  struct Element {
    std::uint64_t inChunk = 0;   // number in C order within the chunk
    std::uint64_t inResult = 0;
  };
  std::vector<std::uint64_t> chunks;  // their numbers in C order of `grid`, ascending
  std::vector<std::size_t> ends;      // where the elements of each end in `elements`
  std::vector<Element> elements;      // of each chunk in its own order
};

// Sorts elements by chunk.  `coordinates` are those of one after the other; `grid` is the number of chunks along each
// axis.
ChunkElements groupByChunk(std::span<const std::uint64_t> coordinates, const Shape& grid, const Shape& chunkShape);

}  // namespace h5cap
