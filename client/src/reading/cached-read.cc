#include "client/src/reading/cached-read.h"

#include <algorithm>

#include "core/endpoint.h"
#include "core/pack.h"
#include "core/tiling.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

void appendNumber(std::string& key, std::uint64_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); }

struct CachedRegion {
  SharedNodeInfo info;
  Version version;
  std::string prefix;  // of its tiles' keys
  Region region;

  const DataType& type() const { return info->dataset->type; }
  Tiling tiling(std::uint64_t tileBytes) const { return {region, info->dataset->chunkShape, type().size(), tileBytes}; }

  std::string keyOf(const Tile& tile) const {
    std::string key = prefix;
    for (auto& axis : tile.region.axes) {
      appendNumber(key, axis.start);
      appendNumber(key, axis.indices.empty() ? axis.step : 0);
      appendNumber(key, axis.count);
      for (auto index : axis.indices) appendNumber(key, index);
    }
    return key;
  }
};

bool isSelfContained(const DatasetInfo& dataset) {
  return dataset.layout != Layout::virtualMapping && dataset.layout != Layout::external && dataset.layout != Layout::unknown &&
         dataset.space.kind == Dataspace::Kind::simple && !dataset.type.hasVariable() && dataset.type.size() > 0;
}

// Nothing for reads that are not for the cache.
std::optional<CachedRegion> cachedRegion(const std::shared_ptr<NodeState>& node, const Selection& selection,
                                         const ReadOptions& options) {
  if (!selection.isOrthogonal() || !options.fields.empty()) return std::nullopt;
  auto info = node->knownInfo();
  if (!info || info->problem || !info->dataset || !isSelfContained(*info->dataset)) return std::nullopt;
  const FileInfo& file = node->file()->info();
  const FileInfo& own = node->fileInfo();
  if (file.isSwmr || file.version.empty() || own.version != file.version || own.path != file.path) return std::nullopt;
  CachedRegion cached{info, file.version, "tile\n" + format(node->connection().endpoint()) + "\n" + file.path + "\n", {}};
  cached.prefix.append(reinterpret_cast<const char*>(file.version.data()), file.version.size());
  appendNumber(cached.prefix, info->id);
  appendNumber(cached.prefix, info->dataset->type.size());
  cached.region = resolve(selection, info->dataset->space.shape);
  return cached;
}

std::vector<Positions> wholeOf(const Shape& counts) {
  std::vector<Positions> whole;
  for (auto count : counts) whole.push_back({0, 1, count, {}, false});
  return whole;
}

}  // namespace

bool readFromCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options, Sink& sink) {
  auto cache = node->file()->cache();
  if (!cache) return false;
  // An answer that has not arrived yet is as fresh as one to a question asked now.
  const bool isBeingOpened = node->file()->isBeingOpened();
  if (!node->knownInfo() && !(node->file()->wantsSnapshot() && node->knownOrInSnapshot() != nullptr)) return false;
  auto cached = cachedRegion(node, selection, options);
  if (!cached) return false;
  checkReadable(*cached->info, node->path());

  const std::uint64_t bytesEach = tileBytes(options, node->connection().options);
  auto probing = cached->tiling(bytesEach);
  while (auto tile = probing.next()) {
    if (!cache->has(cached->keyOf(*tile))) return false;
  }
  if (!isBeingOpened && node->file()->stat().version != cached->version) return false;

  const Shape counts = cached->region.counts();
  const std::size_t size = cached->type().size();
  Bytes elements(elementCount(counts) * size);
  auto tiles = cached->tiling(bytesEach);
  while (auto tile = tiles.next()) {
    const Shape tileCounts = tile->region.counts();
    auto content = cache->find(cached->keyOf(*tile));
    if (!content || content->size() != elementCount(tileCounts) * size) return false;
    copyElements(*content, tileCounts, wholeOf(tileCounts), elements, counts, tile->inResult, size);
  }
  std::lock_guard lock(sink.mutex);
  sink.type = cached->type();
  sink.shape = cached->region.shape();
  sink.elementsTotal = sink.elementsDone = cached->region.elementCount();
  auto target = sink.prepare(elements.size());
  std::copy(elements.begin(), elements.end(), target.begin());
  return true;
}

void keepInCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options, const Sink& sink,
                 std::span<const std::byte> elements) {
  auto cache = node->file()->cache();
  if (!cache || sink.isOfSeveralVersions || !sink.missingSources.empty()) return;
  auto cached = cachedRegion(node, selection, options);
  if (!cached || sink.version != cached->version || !(sink.type == cached->type())) return;
  const Shape counts = cached->region.counts();
  const std::size_t size = cached->type().size();
  if (elements.size() < elementCount(counts) * size || sink.shape != cached->region.shape()) return;
  auto tiles = cached->tiling(tileBytes(options, node->connection().options));
  while (auto tile = tiles.next()) {
    const Shape tileCounts = tile->region.counts();
    Bytes content(elementCount(tileCounts) * size);
    copyElements(elements, counts, tile->inResult, content, tileCounts, wholeOf(tileCounts), size);
    cache->keep(cached->keyOf(*tile), content);
  }
}

}  // namespace h5cap::detail
