#include "server/executor/gather-part.h"

#include <algorithm>
#include <functional>

#include "core/checked-size.h"
#include "core/plan/origin.h"
#include "server/executor/executor.h"
#include "server/executor/stored-chunks.h"

namespace h5cap {
namespace {

using Take = std::function<void(ByteRange, std::span<std::byte>)>;

void forEachRange(const PartGoal& goal, std::uint64_t elementBytes, const Take& take) {
  std::uint64_t done = 0;
  for (const ByteRange& range : goal.ranges) {
    if (!isWithin(range.first, range.count, elementBytes) || range.count > goal.target.size() - done)
      throw Failed("gather: a part outside of its element");
    take(range, goal.target.subspan(done, range.count));
    done += range.count;
  }
  if (done != goal.target.size()) throw Failed("gather: parts of another size");
}

// Of the element that begins at a byte of the file.
void readPart(const GatherContext& context, CheckedSize address, const PartGoal& goal) {
  const std::uint64_t size = context.file->size();
  forEachRange(goal, context.elementBytes, [&](ByteRange range, std::span<std::byte> target) {
    const CheckedSize first = address + range.first;
    if (!(first + range.count).isAtMost(size))
      throw FileError("an element lies beyond the end of the file: " + std::to_string(range.count) +
                      " bytes at offset " + std::to_string(first.orUnlimited()) + ", in a file of " +
                      std::to_string(size));
    checkWanted();
    context.file->read(*first.fits(), target);
  });
}

// Of element `number` of a chunk.
void takeFromChunk(const GatherContext& context, const ChunkedStorage& storage, const Shape& chunk,
                   const ChunkExtent& extent, std::uint64_t number, const PartGoal& goal) {
  if (extent.address == ChunkExtent::neverWritten) return takePart(context.fillElement, goal);
  const StoredChunks chunks(context, storage);
  const CheckedSize offset = CheckedSize(number) * context.elementBytes;
  if (!(offset + context.elementBytes).isAtMost(chunks.chunkBytes()))
    throw Failed("gather: an element outside its chunk");
  if (chunks.isRaw(chunk, extent)) return readPart(context, offset + extent.address, goal);
  const auto decoded = chunks.decoded(extent);
  if (decoded != nullptr) takePart(std::span(*decoded).subspan(*offset.fits(), context.elementBytes), goal);
}

}  // namespace

void takePart(std::span<const std::byte> element, const PartGoal& goal) {
  if (element.empty()) return std::fill(goal.target.begin(), goal.target.end(), std::byte{0});
  forEachRange(goal, element.size(), [&](ByteRange range, std::span<std::byte> target) {
    const auto bytes = element.subspan(range.first, range.count);
    std::copy(bytes.begin(), bytes.end(), target.begin());
  });
}

void gatherPart(const GatherContext& context, const Storage& storage, const FromOnePiece& from, const PartGoal& goal) {
  const std::uint64_t number = numberOf(coordinatesOf(from.wanted), *context.shape);
  const CheckedSize begin = CheckedSize(number) * context.elementBytes, end = begin + context.elementBytes;
  if (auto* contiguous = std::get_if<ContiguousStorage>(&storage)) {
    // What was not allocated.
    if (!end.isAtMost(contiguous->size)) return takePart(context.fillElement, goal);
    return readPart(context, begin + contiguous->address, goal);
  }
  const Bytes& bytes = std::get<InlineBytes>(storage).bytes;
  if (!end.isAtMost(bytes.size()))
    throw FileError("a compact dataset holds no more than " + std::to_string(bytes.size()) + " bytes");
  takePart(std::span(bytes).subspan(*begin.fits(), context.elementBytes), goal);
}

void gatherPart(const GatherContext& context, const Storage& storage, const FromChunks& from, const PartGoal& goal) {
  const auto& chunked = std::get<ChunkedStorage>(storage);
  std::vector<std::uint64_t> at = coordinatesOf(from.region);
  if (from.extents->size() != 1 || at.size() != chunked.chunkShape.size())
    throw Failed("gather: one element of chunks");
  Shape chunk(at.size());
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    chunk[axis] = at[axis] / chunked.chunkShape[axis];
    at[axis] %= chunked.chunkShape[axis];
  }
  takeFromChunk(context, chunked, chunk, from.extents->front(), numberOf(at, chunked.chunkShape), goal);
}

void gatherPart(const GatherContext& context, const Storage& storage, const FromEachChunk& from, const PartGoal& goal) {
  if (from.extents->size() != 1 || from.wanted->elements.size() != 1) throw Failed("gather: one element of chunks");
  Shape chunk(from.grid.size());
  for (std::size_t k = chunk.size(), rest = from.wanted->chunks.front(); k-- > 0; rest /= from.grid[k])
    chunk[k] = rest % from.grid[k];
  takeFromChunk(context, std::get<ChunkedStorage>(storage), chunk, from.extents->front(),
                from.wanted->elements.front().inChunk, goal);
}

void gatherPart(const GatherContext& context, const RawFilesRead& read, const PartGoal& goal) {
  readPart(context, CheckedSize(numberOf(coordinatesOf(read.region), *context.shape)) * context.elementBytes, goal);
}

}  // namespace h5cap
