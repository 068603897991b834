// Cutting a large region into tiles that are read by calls of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "core/pack.h"

namespace h5cap {

struct Tile {
  Region region;                       // in the dataset
  std::vector<Positions> inResult;     // where its elements go, in the counts() of the whole region
};

// Yields tiles of at most about `tileBytes` that together cover a region once.  Tiles end on chunk edges where chunks
// are smaller than a tile, so no chunk is decoded twice; a chunk that is larger than a tile is cut along its slowest
// axes.  Tiles come in C order of their first elements.  Costs nothing until asked: a region may have 10^12 elements.
class Tiling {
 public:
  // `chunkShape` may be empty: not chunked.
  Tiling(Region region, Shape chunkShape, std::uint64_t elementBytes, std::uint64_t tileBytes);
  std::optional<Tile> next();
  std::uint64_t tileCount() const;

 private:
  std::uint64_t endOf(std::size_t axis, std::uint64_t first) const;  // of the tile that begins at this position
  std::uint64_t tilesAlong(std::size_t axis) const;

  Region region_;
  Shape tileCounts_;  // a tile's largest extent along each axis, in positions
  Shape chunkShape_;  // zero along an axis where tiles need not heed chunks
  std::vector<std::uint64_t> at_;
  bool done_ = false;
};

}  // namespace h5cap
