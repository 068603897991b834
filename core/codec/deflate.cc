// HDF5's deflate: one zlib stream a chunk.
#include <libdeflate.h>

#include <memory>

#include "core/codec/stages.h"

namespace h5cap::codec {

Bytes inflate(Input stored, std::size_t maxBytes) {
  struct Free {
    void operator()(libdeflate_decompressor* decompressor) const { libdeflate_free_decompressor(decompressor); }
  };
  // One a thread: it holds tables of some 10 KiB, and no state between chunks.
  thread_local std::unique_ptr<libdeflate_decompressor, Free> decompressor(libdeflate_alloc_decompressor());
  if (!decompressor) throw std::bad_alloc();
  Bytes result(maxBytes);
  std::size_t actual = 0;
  auto status = libdeflate_zlib_decompress(decompressor.get(), stored.data(), stored.size(), result.data(),
                                           result.size(), &actual);
  if (status == LIBDEFLATE_INSUFFICIENT_SPACE) corrupt("deflate", "more data than the chunk holds");
  if (status != LIBDEFLATE_SUCCESS) corrupt("deflate", "not a zlib stream, or its checksum differs");
  result.resize(actual);
  return result;
}

}  // namespace h5cap::codec
