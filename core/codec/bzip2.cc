// The registered filter 307: one bzip2 stream a chunk.
#include <bzlib.h>

#include <limits>

#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes decodeBzip2(Input stored, std::size_t maxBytes) {
  constexpr std::size_t MOST = std::numeric_limits<unsigned>::max();
  if (stored.size() > MOST || maxBytes > MOST) corrupt("bzip2", "larger than 4 GiB");
  Bytes result(maxBytes);
  auto size = static_cast<unsigned>(result.size());
  // The library takes what it reads as mutable, and changes nothing.
  auto* source = const_cast<char*>(reinterpret_cast<const char*>(stored.data()));
  int status = BZ2_bzBuffToBuffDecompress(reinterpret_cast<char*>(result.data()), &size, source,
                                          static_cast<unsigned>(stored.size()), 0, 0);
  if (status == BZ_OUTBUFF_FULL) corrupt("bzip2", "more data than the chunk holds");
  if (status != BZ_OK) corrupt("bzip2", "not a whole bzip2 stream");
  result.resize(size);
  return result;
}

}  // namespace h5cap::codec
