// Some bytes of one element, from extents of a file: of elements that are larger than what is made at once.  Blocking;
// runs on executor threads.
#pragma once

#include <span>

#include "core/fields.h"
#include "core/plan/read-plan.h"
#include "server/executor/gather-context.h"

namespace h5cap {

// What is wanted of the element: ranges of its bytes, which go to `target` one after the other and are as many.
struct PartGoal {
  std::span<const ByteRange> ranges;
  std::span<std::byte> target;
};

// From the one element that `from` is of; `context` is of the dataset.  Of storage in one piece, and of chunks without
// filters, just these bytes are read; other chunks are decoded whole, through the cache.  FileError for what lies
// beyond the file; Failed when the plan contradicts itself.
void gatherPart(const GatherContext& context, const Storage& storage, const FromOnePiece& from, const PartGoal& goal);
void gatherPart(const GatherContext& context, const Storage& storage, const FromChunks& from, const PartGoal& goal);
void gatherPart(const GatherContext& context, const Storage& storage, const FromEachChunk& from, const PartGoal& goal);

// From raw files, as one extent that `context.file` reads.
void gatherPart(const GatherContext& context, const RawFilesRead& read, const PartGoal& goal);

// From an element in memory; of zeros where it is empty.
void takePart(std::span<const std::byte> element, const PartGoal& goal);

}  // namespace h5cap
