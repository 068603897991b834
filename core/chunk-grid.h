// Which chunks a region meets, and which of its elements lie in each.
#pragma once

#include <cstdint>
#include <functional>
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

// The box of chunk coordinates that holds the region: first coordinates and counts.  Counts are zero for an empty region.
struct ChunkBox {
  Shape first;
  Shape count;
};
ChunkBox chunkBox(const Region& region, const Shape& chunkShape);

}  // namespace h5cap
