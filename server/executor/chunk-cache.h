// Decoded chunks, shared by all sessions.
#pragma once

#include <kj/async.h>
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

// Chunks in the elements' part of a SharedCache, safe from all threads.  A chunk that is being decoded is not decoded
// twice, and nobody's thread waits for it.
class ChunkCache {
  struct Decoding;
  using Decodings = std::unordered_map<std::string, std::shared_ptr<Decoding>>;  // by key

 public:
  // Of one reader: the chunks that it found others to be decoding.  For one thread at a time.
  class Waiting {
   public:
    // The reader begins, or comes back.
    void begin() { isMissing_ = false; }

    // Whether anything was missing since it began.
    bool isMissing() const { return isMissing_; }

    // Resolves once all of them are decoded, or have failed: then `get` has them.  For an event loop's thread.
    kj::Promise<void> whenDone();

   private:
    friend class ChunkCache;
    Decodings others_;
    bool isMissing_ = false;
  };

  // `memory` outlives it.
  explicit ChunkCache(const SharedCache& memory) : memory_(memory) {}
  KJ_DISALLOW_COPY(ChunkCache);

  // The chunk, decoded by `decode` on this thread if nobody has it.  Null when somebody else is decoding it: `waiting`
  // then has it, and the reader goes on with other chunks, and comes back.  What `decode` throws goes to everybody who
  // waits, and is not remembered.  A chunk larger than the cache is returned and not kept.
  std::shared_ptr<const Bytes> get(const ChunkKey& key, const std::function<std::shared_ptr<const Bytes>()>& decode,
                                   Waiting& waiting);

  const SharedCache& memory() const { return memory_; }
  std::uint64_t maxBytes() const { return memory_.elementBytes(); }

 private:
  const SharedCache& memory_;
  kj::MutexGuarded<Decodings> decodings_;  // under way
};

}  // namespace h5cap
