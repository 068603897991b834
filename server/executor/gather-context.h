// What is common to one read, whatever carries it out.
#pragma once

#include <cstdint>
#include <string>

#include "server/executor/chunk-cache.h"
#include "server/executor/decode-budget.h"
#include "server/executor/file-reader.h"

namespace h5cap {

struct GatherContext {
  const FileReader* file = nullptr;
  std::string version;  // for the cache
  ChunkCache* cache = nullptr;
  std::size_t elementBytes = 0;
  Bytes fillElement;  // one packed element; never empty
  Shape shape;        // of the dataset
  DecodeBudget* decoding = nullptr;
};

}  // namespace h5cap
