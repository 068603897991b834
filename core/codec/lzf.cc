// LZF, as h5py writes it.  Control byte below 32: that many and one literals.  Otherwise a copy of (control >> 5) + 2
// bytes (7 means: plus the next byte) from ((control & 31) << 8 | next byte) + 1 bytes back.
#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes decodeLzf(Input stored, std::size_t maxBytes) {
  Bytes result(maxBytes);
  std::size_t in = 0, out = 0;
  auto next = [&] {
    if (in >= stored.size()) corrupt("lzf", "truncated");
    return std::to_integer<std::size_t>(stored[in++]);
  };
  while (in < stored.size()) {
    auto control = next();
    if (control < 32) {
      auto length = control + 1;
      if (length > stored.size() - in) corrupt("lzf", "truncated");
      if (length > maxBytes - out) corrupt("lzf", "more data than the chunk holds");
      for (; length > 0; --length) result[out++] = stored[in++];
      continue;
    }
    auto length = control >> 5;
    if (length == 7) length += next();
    length += 2;
    auto distance = ((control & 31) << 8 | next()) + 1;
    if (distance > out) corrupt("lzf", "a copy from before the beginning");
    if (length > maxBytes - out) corrupt("lzf", "more data than the chunk holds");
    // Byte by byte: copies may overlap what they write.
    for (; length > 0; --length, ++out) result[out] = result[out - distance];
  }
  result.resize(out);
  return result;
}

}  // namespace h5cap::codec
