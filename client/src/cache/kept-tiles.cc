#include "client/src/cache/kept-tiles.h"

#include <utility>
#include <vector>

#include "core/pack.h"

namespace h5cap::detail {

namespace {

void appendNumber(std::string& key, std::uint64_t number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::vector<Positions> wholeOf(const Shape& counts) {
  std::vector<Positions> whole;
  for (auto count : counts) whole.push_back({0, 1, count, {}, false});
  return whole;
}

}  // namespace

KeptTiles::KeptTiles(std::shared_ptr<DiskCache> cache, const TileOwner& owner, Region region, Shape chunkShape,
                     std::uint64_t elementBytes, std::uint64_t tileBytes)
    : cache_(std::move(cache)),
      prefix_("tile\n" + owner.server + "\n" + owner.path + "\n"),
      region_(std::move(region)),
      chunkShape_(std::move(chunkShape)),
      elementBytes_(elementBytes),
      tileBytes_(tileBytes) {
  prefix_.append(reinterpret_cast<const char*>(owner.version.data()), owner.version.size());
  appendNumber(prefix_, owner.object);
  appendNumber(prefix_, elementBytes);
}

std::string KeptTiles::keyOf(const Tile& tile) const {
  std::string key = prefix_;
  for (auto& axis : tile.region.axes) {
    appendNumber(key, axis.start);
    appendNumber(key, axis.indices.empty() ? axis.step : 0);
    appendNumber(key, axis.count);
    for (auto index : axis.indices) appendNumber(key, index);
  }
  return key;
}

bool KeptTiles::seemComplete() const {
  auto tiles = tiling();
  while (auto tile = tiles.next()) {
    if (!cache_->has(keyOf(*tile))) return false;
  }
  return true;
}

bool KeptTiles::tryRead(std::span<std::byte> elements) const {
  const Shape counts = region_.counts();
  auto tiles = tiling();
  while (auto tile = tiles.next()) {
    const Shape tileCounts = tile->region.counts();
    auto content = cache_->find(keyOf(*tile));
    if (!content || content->size() != elementCount(tileCounts) * elementBytes_) return false;
    copyElements(*content, tileCounts, wholeOf(tileCounts), elements, counts, tile->inResult, elementBytes_);
  }
  return true;
}

void KeptTiles::keep(std::span<const std::byte> elements) const {
  const Shape counts = region_.counts();
  auto tiles = tiling();
  while (auto tile = tiles.next()) {
    const Shape tileCounts = tile->region.counts();
    Bytes content(elementCount(tileCounts) * elementBytes_);
    copyElements(elements, counts, tile->inResult, content, tileCounts, wholeOf(tileCounts), elementBytes_);
    cache_->keep(keyOf(*tile), content);
  }
}

}  // namespace h5cap::detail
