// The registered filter 32008.  Parameters: major, minor, element size, block size in elements (0: the default),
// compression (0 none, 2 LZ4, 3 Zstandard).  Data are cut into blocks; a block holds the first bits of all its
// elements, then the second bits, and so on.  With compression, a chunk begins with its size (8 bytes, big-endian) and
// the block size in bytes (4), and each block with its stored size (4).  The last block is cut to a multiple of eight
// elements; the rest stands raw behind it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/codec/compressors.h"
#include "core/codec/fast-shuffles.h"
#include "core/codec/stages.h"

namespace h5cap::codec {

namespace {

constexpr std::size_t MULTIPLE = 8;  // of elements in a block
constexpr std::size_t MIN_DEFAULT_BLOCK = 128;
constexpr std::size_t DEFAULT_BLOCK_BYTES = 8192;
constexpr std::size_t HEADER = 12;

enum class Compression : std::uint32_t { none = 0, lz4 = 2, zstd = 3 };

struct Parameters {
  std::size_t elementBytes;
  std::size_t blockElements;
  Compression compression;
};

Parameters readParameters(const Filter& filter) {
  const auto& values = filter.parameters;
  if (values.size() < 3 || values[2] == 0) corrupt("bitshuffle", "no element size");
  auto compression = values.size() > 4 ? values[4] : 0;
  if (compression != 0 && compression != 2 && compression != 3) corrupt("bitshuffle", "an unknown compression");
  // Plugins before 0.4 did not know Zstandard and compressed nothing when asked for it.
  if (compression == 3 && values[0] == 0 && values[1] < 4) compression = 0;
  std::size_t elementBytes = values[2];
  std::size_t block = values.size() > 3 ? values[3] : 0;
  if (block == 0) {
    block = std::max(DEFAULT_BLOCK_BYTES / elementBytes / MULTIPLE * MULTIPLE, MIN_DEFAULT_BLOCK);
  }
  return {elementBytes, block, static_cast<Compression>(compression)};
}

// Eight bytes as an 8×8 matrix of bits, transposed.  Hacker's Delight, 7-3.
std::uint64_t transposeBits(std::uint64_t x) {
  auto t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaULL;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000ccccULL;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0ULL;
  return x ^ t ^ (t << 28);
}

// Byte `i` of bit row `r` holds bit r of elements 8i to 8i+7.  Rows 8b to 8b+7 make byte b of every element.
template <std::size_t fixedBytes>
void unshuffleRows(const std::byte* source, std::byte* target, std::size_t elements, std::size_t anyBytes) {
  const std::size_t bytes = fixedBytes != 0 ? fixedBytes : anyBytes;
  const auto row = elements / 8;
  for (std::size_t b = 0; b < bytes; ++b) {
    const auto* rows = source + b * 8 * row;
    auto* to = target + b;
    for (std::size_t i = 0; i < row; ++i, to += 8 * bytes) {
      std::uint64_t matrix = 0;
      for (std::size_t r = 0; r < 8; ++r) matrix |= std::to_integer<std::uint64_t>(rows[r * row + i]) << 8 * r;
      if (matrix != 0) matrix = transposeBits(matrix);  // detector frames are mostly zeros
      for (std::size_t e = 0; e < 8; ++e) to[e * bytes] = static_cast<std::byte>(matrix >> 8 * e & 0xff);
    }
  }
}

// What one chunk is decoded with; `block` is room for one decompressed block.
struct Decoder {
  const Parameters& parameters;
  Input stored;
  std::size_t in;
  std::vector<std::byte> block;

  // The next block of `size` bytes, still shuffled.
  const std::byte* next(std::size_t size) {
    if (parameters.compression == Compression::none) {
      if (size > stored.size() - in) corrupt("bitshuffle", "truncated");
      return advance(size);
    }
    if (stored.size() - in < 4) corrupt("bitshuffle", "truncated");
    std::size_t storedSize = bigEndian32(stored, in);
    in += 4;
    if (storedSize > stored.size() - in) corrupt("bitshuffle", "truncated");
    const auto* from = advance(storedSize);
    if (decompress(from, storedSize, size) != size) corrupt("bitshuffle", "a block does not decompress to its size");
    return block.data();
  }

  const std::byte* advance(std::size_t size) {
    const auto* from = stored.data() + in;
    in += size;
    return from;
  }

  std::size_t decompress(const std::byte* from, std::size_t storedSize, std::size_t size) {
    const Input source(from, storedSize);
    const auto target = std::span(block).first(size);
    const auto written =
        parameters.compression == Compression::zstd ? decompressZstd(source, target) : decompressLz4(source, target);
    return written.value_or(0);
  }
};

}  // namespace

void plain::unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount,
                          std::size_t elementBytes) {
  switch (elementBytes) {
    case 1:
      return unshuffleRows<1>(source, target, elementCount, 1);
    case 2:
      return unshuffleRows<2>(source, target, elementCount, 2);
    case 4:
      return unshuffleRows<4>(source, target, elementCount, 4);
    case 8:
      return unshuffleRows<8>(source, target, elementCount, 8);
    default:
      return unshuffleRows<0>(source, target, elementCount, elementBytes);
  }
}

void unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount, std::size_t elementBytes) {
  if (!fast::unshuffleBits(source, target, elementCount, elementBytes))
    plain::unshuffleBits(source, target, elementCount, elementBytes);
}

Bytes decodeBitshuffle(const Filter& filter, Input stored, std::size_t maxBytes) {
  auto parameters = readParameters(filter);
  std::size_t total = stored.size();
  Decoder decoder{parameters, stored, 0, {}};
  if (parameters.compression != Compression::none) {
    if (stored.size() < HEADER) corrupt("bitshuffle", "truncated");
    total = bigEndian64(stored, 0);
    auto blockBytes = bigEndian32(stored, 8);
    if (blockBytes != 0) parameters.blockElements = blockBytes / parameters.elementBytes;
    decoder.in = HEADER;
  }
  if (total > maxBytes) corrupt("bitshuffle", "more data than the chunk holds");
  auto block = parameters.blockElements;
  if (block == 0 || block % MULTIPLE != 0) corrupt("bitshuffle", "a bad block size");
  auto elementBytes = parameters.elementBytes;
  auto elements = total / elementBytes;
  decoder.block.resize(std::min(block, elements) * elementBytes);

  Bytes result(total);
  std::size_t done = 0;
  while (elements - done >= MULTIPLE) {
    auto count = std::min(block, (elements - done) / MULTIPLE * MULTIPLE);
    unshuffleBits(decoder.next(count * elementBytes), result.data() + done * elementBytes, count, elementBytes);
    done += count;
  }
  auto rest = total - done * elementBytes;
  if (rest > stored.size() - decoder.in) corrupt("bitshuffle", "truncated");
  if (rest > 0) std::memcpy(result.data() + total - rest, decoder.advance(rest), rest);
  return result;
}

}  // namespace h5cap::codec
