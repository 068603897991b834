#include "core/codec/compressors.h"

#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

#include <memory>
#include <new>

namespace h5cap::codec {

namespace {

// One decompressor a thread: it holds tables of 10 KiB (libdeflate) or 160 KiB (Zstandard), and no state between
// buffers.
template <class T, T* (*allocate)(), auto release>
T& ofThisThread() {
  struct Free {
    void operator()(T* decompressor) const { release(decompressor); }
  };
  thread_local std::unique_ptr<T, Free> decompressor(allocate());
  if (!decompressor) throw std::bad_alloc();
  return *decompressor;
}

}  // namespace

std::optional<std::size_t> decompressZlib(std::span<const std::byte> stored, std::span<std::byte> target) {
  auto& decompressor =
      ofThisThread<libdeflate_decompressor, libdeflate_alloc_decompressor, libdeflate_free_decompressor>();
  std::size_t written = 0;
  const auto status = libdeflate_zlib_decompress(&decompressor, stored.data(), stored.size(), target.data(),
                                                 target.size(), &written);
  if (status != LIBDEFLATE_SUCCESS) return std::nullopt;
  return written;
}

std::optional<std::size_t> decompressLz4(std::span<const std::byte> stored, std::span<std::byte> target,
                                         std::span<const std::byte> dictionary) {
  if (stored.size() > LZ4_MAX_INPUT_SIZE || target.size() > LZ4_MAX_INPUT_SIZE) return std::nullopt;
  if (dictionary.size() > LZ4_MAX_INPUT_SIZE) return std::nullopt;
  const int written = LZ4_decompress_safe_usingDict(
      reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(target.data()),
      static_cast<int>(stored.size()), static_cast<int>(target.size()),
      reinterpret_cast<const char*>(dictionary.data()), static_cast<int>(dictionary.size()));
  if (written < 0) return std::nullopt;
  return static_cast<std::size_t>(written);
}

std::optional<std::size_t> decompressZstd(std::span<const std::byte> stored, std::span<std::byte> target,
                                          std::span<const std::byte> dictionary) {
  auto& context = ofThisThread<ZSTD_DCtx, ZSTD_createDCtx, ZSTD_freeDCtx>();
  const std::size_t written = ZSTD_decompress_usingDict(&context, target.data(), target.size(), stored.data(),
                                                        stored.size(), dictionary.data(), dictionary.size());
  if (ZSTD_isError(written) != 0) return std::nullopt;
  return written;
}

}  // namespace h5cap::codec
