// The chunks of one dataset: checked, read in part where they are stored as they are, decoded through the cache
// elsewhere.
#pragma once

#include <memory>
#include <string>

#include "core/storage.h"
#include "server/executor/gather-context.h"

namespace h5cap {

class StoredChunks {
 public:
  // Both outlive it.
  StoredChunks(const GatherContext& context, const ChunkedStorage& storage);

  // Whether no filter applies to the chunk at these chunk coordinates, and its bytes are its elements.  FileError when
  // it does not lie in the file, or has no such size.
  bool isRaw(const Shape& chunk, const ChunkExtent& extent) const;

  // A chunk to which filters apply, of chunkBytes().  Never written ones have none.  Null when somebody else is
  // decoding it, and the context's `waiting` has it.
  std::shared_ptr<const Bytes> decoded(const ChunkExtent& extent) const;

  std::uint64_t chunkBytes() const { return chunkBytes_; }

 private:
  Bytes stored(const ChunkExtent& extent) const;
  Bytes decode(const ChunkExtent& extent, Bytes stored) const;
  std::uint64_t decodingBytes(const ChunkExtent& extent) const;

  const GatherContext& context_;
  const ChunkedStorage& storage_;
  std::uint64_t chunkBytes_;
};

}  // namespace h5cap
