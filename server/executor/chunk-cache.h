// Decoded chunks, shared by all sessions.
#pragma once

#include <kj/mutex.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "h5cap/node.h"
#include "server/base/shared-cache.h"

namespace h5cap {

struct ChunkKey {
  std::string_view version;   // of the file: its name
  std::uint64_t address = 0;  // of the stored chunk; absolute in the file
};

// Chunks in the elements' part of a SharedCache, safe from all threads.  A chunk that is being decoded is waited for,
// not decoded twice.
class ChunkCache {
 public:
  // `memory` outlives it.
  explicit ChunkCache(const SharedCache& memory) : memory_(memory) {}
  KJ_DISALLOW_COPY(ChunkCache);

  // The chunk, decoded by `decode` on this thread if nobody has it.  What `decode` throws goes to everybody who waits,
  // and is not remembered.  A chunk larger than the cache is returned and not kept.
  std::shared_ptr<const Bytes> get(const ChunkKey& key, const std::function<std::shared_ptr<const Bytes>()>& decode);

  const SharedCache& memory() const { return memory_; }
  std::uint64_t maxBytes() const { return memory_.elementBytes(); }

 private:
  struct Decoding;
  using Decodings = std::unordered_map<std::string, std::shared_ptr<Decoding>>;

  const SharedCache& memory_;
  kj::MutexGuarded<Decodings> decodings_;  // under way, by key
};

}  // namespace h5cap
