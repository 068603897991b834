// The registered filter 32001: one buffer of C-Blosc a chunk, whose header (16 bytes) says how large it was and which
// of the library's compressors made it.
#include <blosc.h>

#include <array>

#include "core/codec/stages.h"
#include "h5cap/error.h"

namespace h5cap::codec {

namespace {

// "Chunk format" of C-Blosc's README_CHUNK_FORMAT: bit 1 of the flags says stored as it is, bits 5 to 7 the compressor.
constexpr std::size_t FLAGS_AT = 2;
constexpr unsigned STORED = 0x02, COMPRESSOR_SHIFT = 5;
constexpr std::array<const char*, 5> COMPRESSORS = {"blosclz", "lz4", "snappy", "zlib", "zstd"};

void checkCompressor(Input stored) {
  if ((std::to_integer<unsigned>(stored[FLAGS_AT]) & STORED) != 0) return;
  unsigned number = std::to_integer<unsigned>(stored[FLAGS_AT]) >> COMPRESSOR_SHIFT;
  const char* name = number < COMPRESSORS.size() ? COMPRESSORS[number] : "of an unknown number";
  if (blosc_get_complib_info(name, nullptr, nullptr) < 0) {
    throw FileError(std::string("no decoder for filter 32001 (blosc) with the compressor ") + name,
                    ErrorCode::missingFilter);
  }
}

}  // namespace

Bytes decodeBlosc(Input stored, std::size_t maxBytes) {
  if (stored.size() < BLOSC_MIN_HEADER_LENGTH) corrupt("blosc", "truncated");
  std::size_t total = 0;
  if (blosc_cbuffer_validate(stored.data(), stored.size(), &total) < 0) corrupt("blosc", "a bad header");
  if (total > maxBytes) corrupt("blosc", "more data than the chunk holds");
  checkCompressor(stored);
  Bytes result(total);
  if (total == 0) return result;
  int written = blosc_decompress_ctx(stored.data(), result.data(), result.size(), 1);
  if (written < 0 || static_cast<std::size_t>(written) != total) corrupt("blosc", "it does not decompress to its size");
  return result;
}

}  // namespace h5cap::codec
