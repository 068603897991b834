// Single elements: points, and what masks leave.
#include <algorithm>
#include <cstring>

#include "core/checked-size.h"
#include "server/executor/executor.h"
#include "server/executor/gather.h"
#include "server/executor/stored-chunks.h"

namespace h5cap {

namespace {

using Element = ChunkElements::Element;

constexpr std::uint64_t SMALL_GAP_BYTES = 4096;      // cheaper to read over than to skip
constexpr std::uint64_t MAX_SPAN_BYTES = 1u << 20;   // read in one go

void put(const GatherContext& context, const std::byte* from, const Element& element, std::span<std::byte> result) {
  std::memcpy(result.data() + element.inResult * context.elementBytes, from, context.elementBytes);
}

void checkElements(const GatherContext& context, std::span<const Element> elements, std::uint64_t extent,
                   std::span<std::byte> result) {
  const auto room = result.size() / context.elementBytes;
  for (const auto& element : elements) {
    if (element.inChunk >= extent || element.inResult >= room) throw Failed("gather: an element outside its place");
  }
}

// From `elements`, ascending, of an array of `storedBytes` bytes in the file; what is not stored is fill.
void readElements(const GatherContext& context, std::uint64_t address, std::uint64_t storedBytes,
                  std::span<const Element> elements, std::span<std::byte> result) {
  const auto bytes = context.elementBytes;
  const auto stored = storedBytes / bytes;  // elements
  Bytes scratch;
  for (std::size_t i = 0; i < elements.size();) {
    if (elements[i].inChunk >= stored) {
      put(context, context.fillElement.data(), elements[i++], result);
      continue;
    }
    const auto first = elements[i].inChunk;
    auto last = first;
    std::size_t end = i + 1;
    for (; end < elements.size() && elements[end].inChunk < stored; ++end) {
      const auto next = elements[end].inChunk;
      if (next - last > SMALL_GAP_BYTES / bytes + 1 || (next - first + 1) * bytes > MAX_SPAN_BYTES) break;
      last = next;
    }
    const auto offset = first * bytes, span = (last - first + 1) * bytes;
    const std::uint64_t size = context.file->size();
    if (!(CheckedSize(address) + offset + span).isAtMost(size)) {
      throw FileError("elements lie beyond the end of the file: " + std::to_string(span) + " bytes, " +
                      std::to_string(offset) + " after offset " + std::to_string(address) + ", in a file of " +
                      std::to_string(size));
    }
    scratch.resize(span);
    checkWanted();
    context.file->read(address + offset, scratch);
    for (; i < end; ++i) put(context, scratch.data() + (elements[i].inChunk - first) * bytes, elements[i], result);
  }
}

void checkContext(const GatherContext& context) {
  if (context.elementBytes == 0 || context.fillElement.size() != context.elementBytes) {
    throw Failed("gather: a fill value of the wrong size");
  }
}

}  // namespace

ChunkElements inOnePiece(std::span<const std::uint64_t> coordinates, const Shape& shape) {
  return groupByChunk(coordinates, Shape(shape.size(), 1), shape);
}

void gatherContiguous(const GatherContext& context, const ContiguousStorage& storage, const ChunkElements& wanted,
                      std::span<std::byte> result) {
  checkContext(context);
  checkElements(context, wanted.elements, elementCount(*context.shape), result);
  packedBytes(*context.shape, context.elementBytes);  // offsets fit 64 bits
  readElements(context, storage.address, storage.size, wanted.elements, result);
}

void gatherInline(const GatherContext& context, const InlineBytes& storage, const ChunkElements& wanted,
                  std::span<std::byte> result) {
  checkContext(context);
  auto expected = packedBytes(*context.shape, context.elementBytes);
  checkElements(context, wanted.elements, elementCount(*context.shape), result);
  if (storage.bytes.size() < expected) {
    throw FileError("a compact dataset holds " + std::to_string(storage.bytes.size()) + " of " +
                    std::to_string(expected) + " bytes");
  }
  for (const auto& element : wanted.elements) {
    put(context, storage.bytes.data() + element.inChunk * context.elementBytes, element, result);
  }
}

void gatherChunks(const GatherContext& context, const ChunkedStorage& storage, const Shape& grid,
                  std::span<const ChunkExtent> extents, const ChunkElements& wanted, std::span<std::byte> result) {
  checkContext(context);
  StoredChunks chunks(context, storage);
  checkElements(context, wanted.elements, elementCount(storage.chunkShape), result);
  if (extents.size() != wanted.chunks.size() || grid.size() != storage.chunkShape.size()) {
    throw Failed("gather: chunks with another number of extents");
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    auto elements = std::span(wanted.elements).subspan(begin, wanted.ends[i] - begin);
    begin = wanted.ends[i];
    if (extents[i].address == ChunkExtent::neverWritten) {
      for (const auto& element : elements) put(context, context.fillElement.data(), element, result);
      continue;
    }
    Shape chunk(grid.size());
    for (std::size_t k = grid.size(), rest = wanted.chunks[i]; k-- > 0; rest /= grid[k]) chunk[k] = rest % grid[k];
    if (chunks.isRaw(chunk, extents[i])) {
      readElements(context, extents[i].address, extents[i].size, elements, result);
    } else {
      auto decoded = chunks.decoded(extents[i]);
      if (decoded == nullptr) continue;
      for (const auto& element : elements) {
        put(context, decoded->data() + element.inChunk * context.elementBytes, element, result);
      }
    }
  }
}

}  // namespace h5cap
