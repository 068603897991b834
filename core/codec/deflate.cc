// HDF5's deflate: one zlib stream a chunk.
#include "core/codec/compressors.h"
#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes inflate(Input stored, std::size_t maxBytes) {
  Bytes result(maxBytes);
  const auto written = decompressZlib(stored, result);
  if (!written) corrupt("deflate", "more data than the chunk holds, not a zlib stream, or its checksum differs");
  result.resize(*written);
  return result;
}

}  // namespace h5cap::codec
