// What is common to one read, whatever carries it out.
#pragma once

#include <cstdint>
#include <string>

#include "server/executor/chunk-cache.h"
#include "server/executor/decode-budget.h"

namespace h5cap {

struct GatherContext {
  int file = -1;               // for pread
  std::uint64_t fileSize = 0;  // extents beyond it are FileError (fileProblem): planners are not trusted
  std::string version;         // for the cache
  ChunkCache* cache = nullptr;
  std::size_t elementBytes = 0;
  Bytes fillElement;  // one packed element; never empty
  Shape shape;        // of the dataset
  DecodeBudget* decoding = nullptr;
};

}  // namespace h5cap
