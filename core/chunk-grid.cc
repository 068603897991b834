#include "core/chunk-grid.h"

#include <algorithm>

#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

void checkRank(const Region& region, const Shape& chunkShape) {
  if (region.axes.size() != chunkShape.size()) throw FileError("chunks and dataset have different ranks");
  for (auto extent : chunkShape) {
    if (extent == 0) throw FileError("chunks without extent");
  }
}

// One axis' share of the chunks with one chunk coordinate.
struct AxisPart {
  std::uint64_t chunk;
  Positions inChunk;
  Positions inRegion;
};

std::vector<AxisPart> cutAscending(const Positions& positions, std::uint64_t chunkExtent) {
  std::vector<AxisPart> parts;
  for (std::uint64_t first = 0; first < positions.count;) {
    auto chunk = positions.at(first) / chunkExtent;
    auto begin = chunk * chunkExtent;
    // The last chunk may end beyond 2^64.
    auto end = begin > unlimited - chunkExtent ? positions.count : lowerBound(positions, begin + chunkExtent, first);
    auto inChunk = subset(positions, first, end - first);
    inChunk.dropped = false;
    if (inChunk.indices.empty()) {
      inChunk.start -= begin;
    } else {
      for (auto& index : inChunk.indices) index -= begin;
    }
    parts.push_back({chunk, std::move(inChunk), regular(first, 1, end - first)});
    first = end;
  }
  return parts;
}

// Lists in any order: a chunk's share need not stand together in the region.
std::vector<AxisPart> cutUnordered(const std::vector<std::uint64_t>& indices, std::uint64_t chunkExtent) {
  std::vector<std::uint64_t> order(indices.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return indices[a] / chunkExtent < indices[b] / chunkExtent; });
  std::vector<AxisPart> parts;
  for (auto i : order) {
    auto chunk = indices[i] / chunkExtent;
    if (parts.empty() || parts.back().chunk != chunk) parts.push_back({chunk, {}, {}});
    parts.back().inChunk.indices.push_back(indices[i] % chunkExtent);
    parts.back().inRegion.indices.push_back(i);
  }
  for (auto& part : parts) {
    part.inChunk = normalised(std::move(part.inChunk));
    part.inRegion = normalised(std::move(part.inRegion));
  }
  return parts;
}

}  // namespace

void forEachChunk(const Region& region, const Shape& chunkShape, const std::function<void(const ChunkPart&)>& visit) {
  checkRank(region, chunkShape);
  auto rank = chunkShape.size();
  std::vector<std::vector<AxisPart>> parts;
  for (std::size_t k = 0; k < rank; ++k) {
    const auto& axis = region.axes[k];
    if (axis.count == 0) return;
    parts.push_back(isAscending(axis) ? cutAscending(axis, chunkShape[k]) : cutUnordered(axis.indices, chunkShape[k]));
  }

  ChunkPart part{Shape(rank), std::vector<Positions>(rank), std::vector<Positions>(rank)};
  auto choose = [&](std::size_t k, std::size_t i) {
    part.chunk[k] = parts[k][i].chunk;
    part.inChunk[k] = parts[k][i].inChunk;
    part.inRegion[k] = parts[k][i].inRegion;
  };
  std::vector<std::size_t> at(rank, 0);
  for (std::size_t k = 0; k < rank; ++k) choose(k, 0);
  for (;;) {
    visit(part);
    auto k = rank;
    while (k > 0 && at[k - 1] + 1 == parts[k - 1].size()) {
      at[k - 1] = 0;
      choose(k - 1, 0);
      --k;
    }
    if (k == 0) return;
    choose(k - 1, ++at[k - 1]);
  }
}

ChunkElements groupByChunk(std::span<const std::uint64_t> coordinates, const Shape& grid, const Shape& chunkShape) {
  struct Placed {
    std::uint64_t chunk;
    ChunkElements::Element element;
  };
  const auto rank = chunkShape.size();
  if (rank == 0 || grid.size() != rank || coordinates.size() % rank != 0)
    throw Failed("grouping points of another rank");
  elementCount(grid);        // numbers of chunks fit 64 bits
  elementCount(chunkShape);  // and those of elements in a chunk
  std::vector<Placed> placed;
  placed.reserve(coordinates.size() / rank);
  for (std::size_t i = 0; i < coordinates.size(); i += rank) {
    Placed next{0, {0, i / rank}};
    for (std::size_t k = 0; k < rank; ++k) {
      const auto at = coordinates[i + k], extent = chunkShape[k];
      if (extent == 0 || at / extent >= grid[k]) throw Failed("grouping a point outside the chunks");
      next.chunk = next.chunk * grid[k] + at / extent;
      next.element.inChunk = next.element.inChunk * extent + at % extent;
    }
    placed.push_back(next);
  }
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    if (a.chunk != b.chunk) return a.chunk < b.chunk;
    return a.element.inChunk < b.element.inChunk;
  });
  ChunkElements result;
  result.elements.reserve(placed.size());
  for (const auto& next : placed) {
    if (result.chunks.empty() || result.chunks.back() != next.chunk) {
      result.chunks.push_back(next.chunk);
      result.ends.push_back(result.elements.size());
    }
    result.elements.push_back(next.element);
    result.ends.back() = result.elements.size();
  }
  return result;
}

ChunkBox chunkBox(const Region& region, const Shape& chunkShape) {
  checkRank(region, chunkShape);
  auto rank = chunkShape.size();
  ChunkBox box{Shape(rank, 0), Shape(rank, 0)};
  for (const auto& axis : region.axes) {
    if (axis.count == 0) return box;
  }
  for (std::size_t k = 0; k < rank; ++k) {
    auto [lowest, highest] = bounds(region.axes[k]);
    box.first[k] = lowest / chunkShape[k];
    box.count[k] = highest / chunkShape[k] - box.first[k] + 1;
  }
  return box;
}

}  // namespace h5cap
