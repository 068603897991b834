// Plans carried out: the elements of a planned array, read, decoded, converted and put into their places.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/heap.h"
#include "core/plan/origin.h"
#include "server/executor/chunk-cache.h"
#include "server/executor/decode-budget.h"
#include "server/executor/file-reader.h"
#include "server/executor/gather-part.h"

namespace h5cap {

// One file of a plan, in the version that the plan is for.
struct FileAtHand {
  std::shared_ptr<const FileReader> reader;
  std::string version;          // for the cache
  ChunkCache* cache = nullptr;  // null when what is decoded is not to be kept
  std::string name;             // for messages; empty: whoever asked knows
};

// What libhdf5 said: packed elements and their heap.
struct LibraryAnswer {
  std::span<const std::byte> elements, heap;
  std::shared_ptr<const void> memory;  // that they lie in
};

// What a plan is carried out with, in the plan's order.
struct Supplies {
  std::vector<FileAtHand> files;                            // of ReadPlan::versions
  std::vector<LibraryAnswer> answers;                       // to ReadPlan::libraryReads
  std::vector<std::shared_ptr<const FileReader>> rawFiles;  // of ReadPlan::rawReads
  DecodeBudget* decoding = nullptr;
};

// Puts the packed elements of the plan's array into `target`, which has room for exactly these, and what their places
// lead to into `heap`.  Blocking; runs on executor threads.  A part that several pieces take is made once.  FileError,
// with the name of the file in front; Failed when the plan contradicts itself.
//
// When `waiting` misses anything afterwards, others are decoding chunks that are not in the result: to be called again
// once they have, with the same `waiting`; what was decoded here is then in the cache.
void carryOut(const ReadPlan& plan, const Supplies& supplies, ChunkCache::Waiting& waiting, std::span<std::byte> target,
              Heap& heap);

// Bytes of the one element of a plan, which is from a file or is fill: `origin` says so, and that nothing converts it.
// `waiting` and failures as above.
void carryOutPart(const ReadPlan& plan, const Supplies& supplies, ChunkCache::Waiting& waiting,
                  const ElementOrigin& origin, const PartGoal& goal);

// The answer that is the plan's array as it stands; null when there is more to do.  What carryOut would copy of it need
// not be copied.
const LibraryAnswer* wholeAnswer(const ReadPlan& plan, const Supplies& supplies);

}  // namespace h5cap
