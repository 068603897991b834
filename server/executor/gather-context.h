// What is common to one read, whatever carries it out.  What it refers to outlives it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/executor/chunk-cache.h"
#include "server/executor/decode-budget.h"
#include "server/executor/file-reader.h"

namespace h5cap {

struct GatherContext {
  const FileReader* file = nullptr;
  std::string_view version;  // for the cache
  ChunkCache* cache = nullptr;
  std::size_t elementBytes = 0;
  std::span<const std::byte> fillElement;  // one packed element; never empty
  const Shape* shape = nullptr;            // of the dataset
  DecodeBudget* decoding = nullptr;
  ChunkCache::Waiting* waiting = nullptr;  // not null when there is a cache
};

}  // namespace h5cap
