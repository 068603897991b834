#include "client/src/reading/cached-read.h"

#include <algorithm>
#include <optional>

#include "client/src/cache/kept-tiles.h"
#include "client/src/reading/read.h"
#include "core/endpoint.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

// A read that may be answered from the cache.
struct CachedRegion {
  SharedNodeInfo info;
  Version version;
  Shape shape;  // of the result
  KeptTiles tiles;

  const DataType& type() const { return info->dataset->type; }
};

bool isSelfContained(const DatasetInfo& dataset) {
  return dataset.layout != Layout::virtualMapping && dataset.layout != Layout::external &&
         dataset.layout != Layout::unknown && dataset.space.kind == Dataspace::Kind::simple &&
         !dataset.type.hasVariable() && dataset.type.size() > 0;
}

std::shared_ptr<DiskCache> cacheOf(const NodeState& node) { return DiskCache::at(node.connection().options.cache); }

// Nothing for reads that are not for the cache.
std::optional<CachedRegion> cachedRegion(std::shared_ptr<DiskCache> cache, NodeState& node, const Selection& selection,
                                         const ReadOptions& options) {
  if (!selection.isOrthogonal() || !options.fields.empty()) return std::nullopt;
  auto info = node.knownInfo();
  if (!info || info->problem || !info->dataset || !isSelfContained(*info->dataset)) return std::nullopt;
  const FileInfo& file = node.file()->info();
  const auto own = node.fileInfo();
  if (file.isSwmr || file.version.empty()) return std::nullopt;
  if (own->version != file.version || own->path != file.path) return std::nullopt;
  auto& dataset = *info->dataset;
  Region region = resolve(selection, dataset.space.shape);
  Shape shape = region.shape();
  TileOwner owner{format(node.connection().endpoint()), file.path, file.version, info->id};
  KeptTiles tiles(std::move(cache), owner, std::move(region), dataset.chunkShape, dataset.type.size(),
                  tileBytes(options, node.connection().options));
  return CachedRegion{info, file.version, std::move(shape), std::move(tiles)};
}

}  // namespace

bool readFromCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                   Sink& sink) {
  auto cache = cacheOf(*node);
  if (!cache) return false;
  // An answer that has not arrived yet is as fresh as one to a question asked now.
  const bool isBeingOpened = node->file()->isBeingOpened();
  if (!node->knownInfo() && !(node->file()->wantsSnapshot() && node->knownOrInSnapshot() != nullptr)) return false;
  auto cached = cachedRegion(cache, *node, selection, options);
  if (!cached) return false;
  checkReadable(*cached->info, node->path());
  const bool isWanted = options.ifVersion.file.empty() || options.ifVersion.file == cached->version;
  if (!isWanted || !cached->tiles.seemComplete()) return false;
  if (!isBeingOpened && node->file()->stat().version != cached->version) return false;

  Bytes elements(cached->tiles.byteCount());
  if (!cached->tiles.tryRead(elements)) return false;
  auto result = sink.result.lock();
  result->type = cached->type();
  result->shape = cached->shape;
  result->version.file = cached->version;
  sink.elementsTotal = sink.elementsDone = elements.size() / cached->type().size();
  auto target = sink.prepare(result->type, elements.size());
  std::copy(elements.begin(), elements.end(), target.begin());
  return true;
}

void keepInCache(const std::shared_ptr<NodeState>& node, const Selection& selection, const ReadOptions& options,
                 const Sink& sink, std::span<const std::byte> elements) {
  auto cache = cacheOf(*node);
  if (!cache) return;
  auto cached = cachedRegion(cache, *node, selection, options);
  if (!cached || elements.size() < cached->tiles.byteCount()) return;
  {
    auto result = sink.result.lock();
    if (result->isOfSeveralVersions || !result->missingSources.empty()) return;
    if (result->stability != VersionStability::settled) return;
    if (result->version.file != cached->version) return;
    if (result->type != cached->type() || result->shape != cached->shape) return;
  }
  cached->tiles.keep(elements);
}

}  // namespace h5cap::detail
