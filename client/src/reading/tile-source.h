// What the calls of one read ask for, one after the other: parts of a region, of a mask, or of a list of points.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/tiling.h"

namespace h5cap::detail {

// One call's share.  For single elements `region` is just as many positions along one axis.
struct ReadTile : Tile {
  Selection selection;
  bool isRegion = true;
};

class TileSource {
 public:
  virtual ~TileSource() = default;
  virtual std::optional<ReadTile> next() = 0;
};

// The parts `boxes` (positions in the region) one after the other, cut into tiles.
std::unique_ptr<TileSource> regionTiles(Region region, std::vector<std::vector<Positions>> boxes, Shape chunkShape,
                                        std::uint64_t elementBytes, std::uint64_t tileBytes);

// Single elements.  A mask is cut along chunk edges into boxes with bits of their own; those without a set bit are left
// out.  Points go in their order, as many at once as fit a call.
std::unique_ptr<TileSource> elementTiles(Resolved wanted, Shape chunkShape, std::uint64_t elementBytes,
                                         std::uint64_t tileBytes);

}  // namespace h5cap::detail
