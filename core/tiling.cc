#include "core/tiling.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

// The most positions that stand in one chunk.
std::uint64_t positionsInChunk(const Positions& positions, std::uint64_t chunkExtent) {
  if (positions.indices.empty()) return std::min(positions.count, divideUp(chunkExtent, positions.step));
  std::uint64_t most = 1, run = 1;
  for (std::size_t i = 1; i < positions.indices.size(); ++i) {
    run = positions.indices[i] / chunkExtent == positions.indices[i - 1] / chunkExtent ? run + 1 : 1;
    most = std::max(most, run);
  }
  return most;
}

// From the fastest axis on, as many whole units as the budget has room for.
void grow(Shape& extents, const Shape& limits, std::uint64_t budget) {
  std::uint64_t used = 1;
  for (auto extent : extents) used *= extent;  // at most the budget
  for (std::size_t k = extents.size(); k-- > 0;) {
    auto factor = std::min(divideUp(limits[k], extents[k]), budget / used);
    used *= factor;
    extents[k] *= factor;
  }
}

}  // namespace

Tiling::Tiling(Region region, Shape chunkShape, std::uint64_t elementBytes, std::uint64_t tileBytes)
    : region_(std::move(region)), chunkShape_(std::move(chunkShape)), at_(region_.axes.size(), 0) {
  auto counts = region_.counts();
  auto rank = counts.size();
  if (chunkShape_.empty()) chunkShape_.assign(rank, 0);
  if (chunkShape_.size() != rank) throw FileError("chunks and dataset have different ranks");
  done_ = std::find(counts.begin(), counts.end(), 0u) != counts.end();
  if (done_) return;

  Shape inChunk(rank, 1);
  for (std::size_t k = 0; k < rank; ++k) {
    // Lists in any order come back to chunks anyway.
    if (!isAscending(region_.axes[k])) chunkShape_[k] = 0;
    if (chunkShape_[k] != 0) inChunk[k] = positionsInChunk(region_.axes[k], chunkShape_[k]);
  }
  auto budget = std::max<std::uint64_t>(tileBytes / std::max<std::uint64_t>(elementBytes, 1), 1);
  tileCounts_.assign(rank, 1);
  auto rest = budget;
  bool chunkFits = true;
  for (std::size_t k = rank; k-- > 0;) {
    tileCounts_[k] = std::min(inChunk[k], rest);
    chunkFits &= tileCounts_[k] == inChunk[k];
    rest /= tileCounts_[k];
  }
  // A chunk that does not fit has been cut along its slowest axes; several that fit go together.
  if (chunkFits) grow(tileCounts_, counts, budget);
  for (std::size_t k = 0; k < rank; ++k) tileCounts_[k] = std::min(tileCounts_[k], counts[k]);
}

std::uint64_t Tiling::endOf(std::size_t axis, std::uint64_t first) const {
  const auto& positions = region_.axes[axis];
  auto end = positions.count - first <= tileCounts_[axis] ? positions.count : first + tileCounts_[axis];
  auto chunk = chunkShape_[axis];
  if (chunk == 0 || end == positions.count) return end;
  // Back to the last chunk edge, if there is one within the tile.
  auto edge = lowerBound(positions, positions.at(end) / chunk * chunk, first);
  return edge > first ? edge : end;
}

std::optional<Tile> Tiling::next() {
  if (done_) return std::nullopt;
  auto rank = region_.axes.size();
  Tile tile;
  tile.region.axes.reserve(rank);
  tile.inResult.reserve(rank);
  std::vector<std::uint64_t> ends(rank);
  for (std::size_t k = 0; k < rank; ++k) {
    ends[k] = endOf(k, at_[k]);
    tile.region.axes.push_back(subset(region_.axes[k], at_[k], ends[k] - at_[k]));
    tile.inResult.push_back(regular(at_[k], 1, ends[k] - at_[k]));
  }
  auto k = rank;
  while (k > 0 && ends[k - 1] == region_.axes[k - 1].count) at_[--k] = 0;
  if (k == 0) {
    done_ = true;
  } else {
    at_[k - 1] = ends[k - 1];
  }
  return tile;
}

std::uint64_t Tiling::tilesAlong(std::size_t axis) const {
  const auto& positions = region_.axes[axis];
  auto tile = tileCounts_[axis];
  auto chunk = chunkShape_[axis];
  if (chunk == 0 || tile == positions.count) return divideUp(positions.count, tile);
  // Every position in a chunk of its own, or one chunk after the other: no need to walk.
  if (positions.indices.empty() && positions.step == 1 && tile % chunk == 0) {
    auto head = std::min(positions.count, (chunk - positions.start % chunk) % chunk);
    auto firstTile = head == 0 ? 0 : std::min(positions.count, head + (tile - chunk));
    return (firstTile > 0 ? 1 : 0) + divideUp(positions.count - firstTile, tile);
  }
  std::uint64_t tiles = 0;
  for (std::uint64_t at = 0; at < positions.count; at = endOf(axis, at)) ++tiles;
  return tiles;
}

std::uint64_t Tiling::tileCount() const {
  Shape tiles;
  for (std::size_t k = 0; k < region_.axes.size(); ++k) {
    if (region_.axes[k].count == 0) return 0;
    tiles.push_back(tilesAlong(k));
  }
  return elementCount(tiles);
}

}  // namespace h5cap
