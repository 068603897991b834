#include "server/executor/stored-chunks.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/codec/codec.h"
#include "server/executor/executor.h"

namespace h5cap {

namespace {

constexpr std::uint64_t MAX_CHUNK_BYTES = 1u << 30;  // decoded
constexpr std::uint64_t MAX_READ_AHEAD_BYTES = 4u << 20;  // stored, of each thread, before there is memory to decode
constexpr std::size_t MASKED_FILTERS = 32;           // bits of a filter mask

std::string place(const ChunkExtent& extent) {
  return "chunk of " + std::to_string(extent.size) + " bytes at offset " + std::to_string(extent.address);
}

bool applies(std::size_t filter, const ChunkExtent& extent) {
  return filter >= MASKED_FILTERS || !(extent.filterMask >> filter & 1);
}

// A chunk that is too large for the cache, with the memory that was taken for it.
struct Held {
  Bytes bytes;
  DecodeBudget::Lease lease;
};

}  // namespace

StoredChunks::StoredChunks(const GatherContext& context, const ChunkedStorage& storage)
    : context_(context), storage_(storage) {
  if (storage.chunkShape.size() != context.shape->size()) throw FileError("chunks and dataset differ in rank");
  chunkBytes_ = packedBytes(storage.chunkShape, context.elementBytes);
  if (chunkBytes_ == 0) throw FileError("a chunk shape with an extent of zero");
}

bool StoredChunks::isRaw(const Shape& chunk, const ChunkExtent& extent) const {
  const std::uint64_t size = context_.file->size();
  if (!isWithin(extent.address, extent.size, size)) {
    throw FileError(place(extent) + " lies beyond the end of the file, " + std::to_string(size));
  }
  bool isRaw = true;
  for (std::size_t i = 0; i < storage_.filters.size(); ++i) isRaw = isRaw && !applies(i, extent);
  if (storage_.partialChunksUnfiltered) {
    for (std::size_t a = 0; a < chunk.size(); ++a) {
      isRaw = isRaw || !((CheckedSize(chunk[a]) + 1) * storage_.chunkShape[a]).isAtMost((*context_.shape)[a]);
    }
  }
  if (isRaw && extent.size < chunkBytes_) {  // what libhdf5 reads of a longer one is its beginning
    throw FileError(place(extent) + " is stored without filters and should have " + std::to_string(chunkBytes_));
  }
  return isRaw;
}

std::shared_ptr<const Bytes> StoredChunks::decoded(const ChunkExtent& extent) const {
  if (chunkBytes_ > MAX_CHUNK_BYTES) {
    throw FileError(place(extent) + " has " + std::to_string(chunkBytes_) + " bytes decoded; the limit is " +
                        std::to_string(MAX_CHUNK_BYTES) + ": h5repack -l can store the dataset in smaller chunks",
                    ErrorCode::tooLarge);
  }
  checkWanted();
  if (extent.size > codec::mostStoredBytes(storage_.filters, chunkBytes_))
    throw FileError(place(extent) + " is too large for its chunk shape");
  // A thread that is stuck in a read must not keep memory from others: only of large chunks it has to be there before.
  auto decodeWithin = [&]() -> std::shared_ptr<const Bytes> {
    Bytes bytes;
    if (extent.size <= MAX_READ_AHEAD_BYTES) bytes = stored(extent);
    DecodeBudget::Lease lease;
    if (context_.decoding != nullptr) lease = context_.decoding->take(decodingBytes(extent));
    if (bytes.size() != extent.size) bytes = stored(extent);
    if (context_.cache != nullptr && chunkBytes_ < context_.cache->maxBytes()) {
      return std::make_shared<const Bytes>(decode(extent, std::move(bytes)));  // counts in the cache from here on
    }
    auto held = std::make_shared<Held>(Held{decode(extent, std::move(bytes)), std::move(lease)});
    return {held, &held->bytes};
  };
  auto chunk = context_.cache == nullptr
                   ? decodeWithin()
                   : context_.cache->get(ChunkKey{context_.version, extent.address}, decodeWithin, *context_.waiting);
  if (chunk == nullptr) return nullptr;
  // A hostile plan may name one chunk as part of two datasets: the cached size is not to be trusted.
  if (chunk->size() != chunkBytes_) throw FileError(place(extent) + " belongs to datasets of different chunk sizes");
  return chunk;
}

Bytes StoredChunks::stored(const ChunkExtent& extent) const {
  Bytes bytes(extent.size);
  context_.file->read(extent.address, bytes);
  return bytes;
}

Bytes StoredChunks::decode(const ChunkExtent& extent, Bytes stored) const {
  return codec::decode(storage_.filters, extent.filterMask, stored, chunkBytes_, context_.elementBytes);
}

std::uint64_t StoredChunks::decodingBytes(const ChunkExtent& extent) const {
  return extent.size + codec::decodingBytes(storage_.filters, extent.filterMask, chunkBytes_);
}

}  // namespace h5cap
