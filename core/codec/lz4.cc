// The registered filter 32004.  Big-endian: 8 bytes total size, 4 bytes block size; then for each block 4 bytes stored
// size and the block, which is raw when its stored size is its size.
#include <lz4.h>

#include <algorithm>
#include <cstring>

#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes decodeLz4(Input stored, std::size_t maxBytes) {
  constexpr std::size_t HEADER = 12;
  if (stored.size() < HEADER) corrupt("lz4", "truncated");
  auto total = bigEndian64(stored, 0);
  std::uint64_t blockBytes = bigEndian32(stored, 8);
  if (total > maxBytes) corrupt("lz4", "more data than the chunk holds");
  if (total > 0 && (blockBytes == 0 || blockBytes > LZ4_MAX_INPUT_SIZE)) corrupt("lz4", "a bad block size");

  Bytes result(total);
  std::size_t in = HEADER;
  for (std::size_t out = 0; out < total;) {
    auto size = std::min<std::size_t>(blockBytes, total - out);
    if (stored.size() - in < 4) corrupt("lz4", "truncated");
    std::size_t storedSize = bigEndian32(stored, in);
    in += 4;
    if (storedSize > stored.size() - in) corrupt("lz4", "truncated");
    if (storedSize == size) {
      std::memcpy(result.data() + out, stored.data() + in, size);
    } else {
      auto written = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data() + in),
                                         reinterpret_cast<char*>(result.data() + out), static_cast<int>(storedSize),
                                         static_cast<int>(size));
      if (written != static_cast<int>(size)) corrupt("lz4", "a block does not decompress to its size");
    }
    in += storedSize;
    out += size;
  }
  return result;
}

}  // namespace h5cap::codec
