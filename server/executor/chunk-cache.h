// Decoded chunks, shared by all sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "h5cap/node.h"

namespace h5cap {

struct ChunkKey {
  std::string version;        // of the file: its bytes
  std::uint64_t address = 0;  // of the stored chunk; absolute in the file
  friend bool operator==(const ChunkKey&, const ChunkKey&) = default;
};

// A bounded cache, least recently used out first, safe from all threads.  A chunk that is being decoded is waited for,
// not decoded twice.
class ChunkCache {
 public:
  explicit ChunkCache(std::uint64_t maxBytes);
  ~ChunkCache();

  // The chunk, decoded by `decode` on this thread if nobody has it.  What `decode` throws goes to everybody who waits,
  // and is not remembered.  A chunk larger than the cache is returned and not kept.
  std::shared_ptr<const Bytes> get(const ChunkKey& key, const std::function<std::shared_ptr<const Bytes>()>& decode);

  std::uint64_t bytes() const;
  std::uint64_t maxBytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace h5cap
