#include "server/executor/gather.h"

#include <algorithm>

#include "core/checked-size.h"
#include "server/executor/stored-chunks.h"
#include "server/executor/strided-read.h"

namespace h5cap {

namespace {

std::vector<Positions> everyPosition(const Shape& shape) {
  std::vector<Positions> positions(shape.size());
  for (std::size_t a = 0; a < shape.size(); ++a) positions[a].count = shape[a];
  return positions;
}

// Throws unless the region lies in the dataset and `result` has room for exactly its elements.  False when it is empty.
bool check(const GatherContext& context, const Region& region, std::span<std::byte> result) {
  if (context.elementBytes == 0 || context.fillElement.size() != context.elementBytes) {
    throw Failed("gather: a fill value of the wrong size");
  }
  if (region.axes.size() != context.shape->size()) throw Failed("gather: region and dataset differ in rank");
  if (result.size() != packedBytes(region.counts(), context.elementBytes)) throw Failed("gather: wrong result size");
  return !result.empty();
}

// One read of a chunked dataset.
class ChunkGather {
 public:
  ChunkGather(const GatherContext& context, const ChunkedStorage& storage, const ChunkBox& box,
              std::span<const ChunkExtent> extents, const Region& region, std::span<std::byte> result)
      : context_(context), storage_(storage), box_(box), extents_(extents), counts_(region.counts()), result_(result),
        chunks_(context, storage) {
    if (box.first.size() != counts_.size() || box.count.size() != counts_.size() ||
        elementCount(box.count) != extents.size()) {
      throw Failed("gather: a box of chunks with another number of extents");
    }
  }

  void run(const Region& region) {
    for (const ChunkExtent& extent : extents_) {
      if (extent.address == ChunkExtent::neverWritten) {
        fillElements(context_.fillElement, result_);
        break;
      }
    }
    forEachChunk(region, storage_.chunkShape, [this](const ChunkPart& part) { read(part); });
  }

 private:
  const ChunkExtent& extentOf(const ChunkPart& part) const {
    std::uint64_t index = 0;
    for (std::size_t a = 0; a < box_.count.size(); ++a) {
      std::uint64_t at = part.chunk[a] - box_.first[a];
      if (part.chunk[a] < box_.first[a] || at >= box_.count[a]) throw Failed("gather: a chunk outside the box");
      index = index * box_.count[a] + at;
    }
    return extents_[index];
  }

  void read(const ChunkPart& part) {
    const ChunkExtent& extent = extentOf(part);
    if (extent.address == ChunkExtent::neverWritten) return;  // filled before
    if (chunks_.isRaw(part.chunk, extent)) return readRaw(part, extent);
    auto chunk = chunks_.decoded(extent);
    if (chunk == nullptr) return;
    copyElements(*chunk, storage_.chunkShape, part.inChunk, result_, counts_, part.inRegion, context_.elementBytes);
  }

  void readRaw(const ChunkPart& part, const ChunkExtent& extent) {
    StoredArray array{context_.file, extent.address, extent.size, context_.fillElement, &storage_.chunkShape};
    readStrided(array, part.inChunk, result_, counts_, part.inRegion);
  }

  const GatherContext& context_;
  const ChunkedStorage& storage_;
  const ChunkBox& box_;
  std::span<const ChunkExtent> extents_;
  const Shape counts_;
  std::span<std::byte> result_;
  const StoredChunks chunks_;
};

}  // namespace

void gatherContiguous(const GatherContext& context, const ContiguousStorage& storage, const Region& region,
                      std::span<std::byte> result) {
  if (!check(context, region, result)) return;
  StoredArray array{context.file, storage.address, storage.size, context.fillElement, context.shape};
  Shape counts = region.counts();
  readStrided(array, region.axes, result, counts, everyPosition(counts));
}

void gatherInline(const GatherContext& context, const InlineBytes& storage, const Region& region,
                  std::span<std::byte> result) {
  if (!check(context, region, result)) return;
  std::uint64_t expected = packedBytes(*context.shape, context.elementBytes);
  if (storage.bytes.size() < expected) {
    throw FileError("a compact dataset holds " + std::to_string(storage.bytes.size()) + " of " +
                    std::to_string(expected) + " bytes");
  }
  Shape counts = region.counts();
  copyElements(storage.bytes, *context.shape, region.axes, result, counts, everyPosition(counts), context.elementBytes);
}

void gatherChunks(const GatherContext& context, const ChunkedStorage& storage, const ChunkBox& box,
                  std::span<const ChunkExtent> extents, const Region& region, std::span<std::byte> result) {
  if (!check(context, region, result)) return;
  ChunkGather(context, storage, box, extents, region, result).run(region);
}

}  // namespace h5cap
