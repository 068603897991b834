// Plans carried out: the elements of a region, packed, from extents of a file.  Blocking; runs on executor threads.
// Elements of chunks that others are decoding are left as they are: GatherContext::waiting has those chunks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/chunk-grid.h"
#include "core/storage.h"
#include "server/executor/gather-context.h"

namespace h5cap {

// Elements of `region` from one contiguous extent.  Reads no more than it must: whole rows where they are dense, spans
// where gaps are small.  A dataset that was allocated only in part reads as fill beyond `storage.size`.
void gatherContiguous(const GatherContext& context, const ContiguousStorage& storage, const Region& region,
                      std::span<std::byte> result);

void gatherInline(const GatherContext& context, const InlineBytes& storage, const Region& region,
                  std::span<std::byte> result);

// Elements of `region` from chunks.  `extents` covers `box` in C order.  Unfiltered chunks are read in part, filtered
// ones decoded whole through the cache.
void gatherChunks(const GatherContext& context, const ChunkedStorage& storage, const ChunkBox& box,
                  std::span<const ChunkExtent> extents, const Region& region, std::span<std::byte> result);

// The same for single elements, grouped by chunk: they go to their places in `result`.  A dataset that is not chunked
// is one chunk (`inOnePiece`).  `extents` are those of `wanted.chunks`; each chunk is decoded once.
ChunkElements inOnePiece(std::span<const std::uint64_t> coordinates, const Shape& shape);
void gatherContiguous(const GatherContext& context, const ContiguousStorage& storage, const ChunkElements& wanted,
                      std::span<std::byte> result);
void gatherInline(const GatherContext& context, const InlineBytes& storage, const ChunkElements& wanted,
                  std::span<std::byte> result);
void gatherChunks(const GatherContext& context, const ChunkedStorage& storage, const Shape& grid,
                  std::span<const ChunkExtent> extents, const ChunkElements& wanted, std::span<std::byte> result);

}  // namespace h5cap
