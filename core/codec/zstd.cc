// The registered filter 32015: one Zstandard frame a chunk.
#include <zstd.h>

#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes decodeZstd(Input stored, std::size_t maxBytes) {
  Bytes result(maxBytes);
  auto written = ZSTD_decompress(result.data(), result.size(), stored.data(), stored.size());
  if (ZSTD_isError(written)) corrupt("zstd", ZSTD_getErrorName(written));
  result.resize(written);
  return result;
}

}  // namespace h5cap::codec
