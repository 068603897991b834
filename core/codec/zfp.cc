// The registered filter 32013 (H5Z-ZFP).  Parameters: versions of the library and of the filter, and behind them the
// header that ZFP writes before its streams: type, lengths (without those of one), and mode.  A chunk is one stream
// without a header.
#include "core/codec/stages.h"
#include "h5cap/error.h"

#ifdef H5CAP_HAS_ZFP
#include <zfp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#endif

namespace h5cap::codec {

#ifdef H5CAP_HAS_ZFP

namespace {

constexpr std::size_t HEADER_WORDS = 5, HEADER_ROOM = 64;  // of 148 bits at most; more, because reading is not bounded
constexpr unsigned CODEC_SHIFT = 12, CODEC_MASK = 15, NEWER_FILTER = 0x110, FILTER_MASK = 0xfff;
constexpr unsigned BLOCK_SIDE = 4;

struct CloseBits {
  void operator()(bitstream* stream) const { stream_close(stream); }
};
struct CloseStream {
  void operator()(zfp_stream* stream) const { zfp_stream_close(stream); }
};
struct FreeField {
  void operator()(zfp_field* field) const { zfp_field_free(field); }
};

// A stream of ZFP over bytes that outlive it.
struct Stream {
  explicit Stream(std::span<std::byte> bytes)
      : bits(stream_open(bytes.data(), bytes.size())), zfp(zfp_stream_open(bits.get())) {
    if (!bits || !zfp) throw std::bad_alloc();
  }
  std::unique_ptr<bitstream, CloseBits> bits;
  std::unique_ptr<zfp_stream, CloseStream> zfp;
};

struct Header {
  std::unique_ptr<zfp_field, FreeField> field{zfp_field_alloc()};
  std::uint64_t mode = 0;
  bool isSwapped = false;  // written by a machine of the other byte order
};

bool readHeader(const Filter& filter, Header& header) {
  std::array<std::byte, HEADER_ROOM> bytes{};
  const std::size_t words = std::min(filter.parameters.size() - 1, HEADER_WORDS);
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint32_t word = filter.parameters[i + 1];
    const std::uint32_t value = header.isSwapped ? __builtin_bswap32(word) : word;
    std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
  }
  Stream stream(bytes);
  if (zfp_read_header(stream.zfp.get(), header.field.get(), ZFP_HEADER_FULL) == 0) return false;
  header.mode = zfp_stream_mode(stream.zfp.get());
  return true;
}

Header headerOf(const Filter& filter) {
  if (filter.parameters.size() < 2) corrupt("zfp", "no header among the filter's parameters");
  const std::uint32_t versions = filter.parameters[0];
  if ((versions & FILTER_MASK) >= NEWER_FILTER && (versions >> CODEC_SHIFT & CODEC_MASK) > ZFP_CODEC)
    throw FileError("a chunk was made by a newer ZFP than this server's", ErrorCode::missingFilter);
  Header header;
  if (!header.field) throw std::bad_alloc();
  if (!readHeader(filter, header)) {
    header.isSwapped = true;
    if (!readHeader(filter, header)) corrupt("zfp", "a bad header among the filter's parameters");
  }
  return header;
}

// Of the field; throws when that is more than may be.
std::size_t bytesOf(const zfp_field& field, std::size_t maxBytes) {
  std::size_t bytes = zfp_type_size(field.type);
  if (bytes == 0) corrupt("zfp", "an unknown type");
  for (const std::size_t length : {std::size_t{field.nx}, std::size_t{field.ny}, std::size_t{field.nz},
                                   std::size_t{field.nw}}) {
    if (length == 0) continue;  // no such axis
    if (bytes > maxBytes / length) corrupt("zfp", "more data than the chunk holds");
    bytes *= length;
  }
  return bytes;
}

// Blocks that a field has, each of four elements along every axis.
std::size_t blocksOf(const zfp_field& field) {
  std::size_t blocks = 1;
  for (const std::size_t length : {std::size_t{field.nx}, std::size_t{field.ny}, std::size_t{field.nz},
                                   std::size_t{field.nw}})
    blocks *= std::max<std::size_t>((length + BLOCK_SIDE - 1) / BLOCK_SIDE, 1);
  return blocks;
}

// The stored bytes with as many zeros behind them as ZFP might read: it does not know where its input ends.
Bytes padded(Input stored, const zfp_stream& stream, const zfp_field& field) {
  constexpr std::size_t SLACK = 64;
  unsigned leastBits = 0;
  zfp_stream_params(&stream, &leastBits, nullptr, nullptr, nullptr);
  if (leastBits > 0 && blocksOf(field) > (stored.size() + SLACK) * 8 / leastBits) corrupt("zfp", "truncated");
  Bytes bytes(stored.begin(), stored.end());
  bytes.resize(std::max(stored.size(), zfp_stream_maximum_size(&stream, &field)) + SLACK);
  return bytes;
}

void swapBytes(Bytes& data, std::size_t elementBytes) {
  for (auto at = data.begin(); at != data.end(); at += static_cast<std::ptrdiff_t>(elementBytes))
    std::reverse(at, at + static_cast<std::ptrdiff_t>(elementBytes));
}

}  // namespace

Bytes decodeZfp(const Filter& filter, Input stored, std::size_t maxBytes) {
  const Header header = headerOf(filter);
  zfp_field& field = *header.field;
  Bytes result(bytesOf(field, maxBytes));
  std::unique_ptr<zfp_stream, CloseStream> modes(zfp_stream_open(nullptr));
  if (!modes) throw std::bad_alloc();
  if (zfp_stream_set_mode(modes.get(), header.mode) == zfp_mode_null) corrupt("zfp", "an unknown mode");
  Bytes bytes = padded(stored, *modes, field);
  Stream stream(bytes);
  zfp_stream_set_mode(stream.zfp.get(), header.mode);
  zfp_field_set_pointer(&field, result.data());
  if (zfp_decompress(stream.zfp.get(), &field) == 0) corrupt("zfp", "not a stream of ZFP");
  if (header.isSwapped) swapBytes(result, zfp_type_size(field.type));
  return result;
}

#else

Bytes decodeZfp(const Filter&, Input, std::size_t) {
  throw FileError("this server was built without libzfp", ErrorCode::missingFilter);
}

#endif

}  // namespace h5cap::codec
