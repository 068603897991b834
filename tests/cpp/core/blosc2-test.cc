// Blosc2: what its frames may say beside compressed blocks, and frames that lie.  Compressed ones of its own library
// are among the golden chunks (codec-test.cc), every option in tests/conformance/test_hdf5plugin.py.
#include <doctest/doctest.h>

#include <bit>
#include <limits>
#include <string>
#include <vector>

#include "core/codec/blosc2-chunk.h"
#include "core/codec/codec.h"
#include "core/codec/compressors.h"
#include "golden-chunks-newer.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

void put(Bytes& to, std::uint64_t value, int bytes) {
  while (bytes-- > 0) to.push_back(static_cast<std::byte>(value >> 8 * bytes & 0xff));
}

void putLittle(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> 8 * i & 0xff));
}

struct ChunkParts {
  std::uint32_t bytes = 64, block = 64;
  unsigned flags = 0x05, elementBytes = 8, moreFlags = 0, filter = 0, ownCodec = 0, newer = 0;
  Bytes behind;
};

Bytes chunkOf(const ChunkParts& parts) {
  Bytes chunk;
  putLittle(chunk, 5 | 1 << 8 | parts.flags << 16 | parts.elementBytes << 24, 4);
  putLittle(chunk, parts.bytes, 4);
  putLittle(chunk, parts.block, 4);
  putLittle(chunk, 32 + parts.behind.size(), 4);
  for (int i = 0; i < 5; ++i) putLittle(chunk, 0, 1);
  putLittle(chunk, parts.filter, 1);
  putLittle(chunk, parts.ownCodec, 1);
  for (int i = 0; i < 7; ++i) putLittle(chunk, 0, 1);
  putLittle(chunk, parts.newer, 1);
  putLittle(chunk, parts.moreFlags, 1);
  chunk.insert(chunk.end(), parts.behind.begin(), parts.behind.end());
  return chunk;
}

// One chunk, or none and what stands for it.
Bytes frameOf(const Bytes& chunk, std::uint64_t offset, std::uint32_t elementBytes = 8, std::uint64_t bytes = 64) {
  Bytes offsets;
  putLittle(offsets, offset, 8);
  const Bytes index = chunkOf({.bytes = 8, .block = 8, .flags = 0x07, .behind = offsets});
  Bytes frame;
  put(frame, 0x9ea8, 2);
  for (char c : std::string_view("b2frame\0", 8)) put(frame, static_cast<unsigned char>(c), 1);
  put(frame, 0xd2, 1), put(frame, 94, 4);
  put(frame, 0xcf, 1), put(frame, 94 + chunk.size() + index.size(), 8);
  put(frame, 0xa412000000, 5);
  put(frame, 0xd3, 1), put(frame, bytes, 8);
  put(frame, 0xd3, 1), put(frame, chunk.size(), 8);
  put(frame, 0xd2, 1), put(frame, elementBytes, 4);
  frame.resize(91);
  put(frame, 0xde, 1), put(frame, 0, 2);
  frame.insert(frame.end(), chunk.begin(), chunk.end());
  frame.insert(frame.end(), index.begin(), index.end());
  return frame;
}

Bytes decode(const Bytes& frame, std::size_t bytes = 64) {
  const std::vector<Filter> filters = {{codec::filter::blosc2, 0, "", {}}};
  return codec::decode(filters, 0, frame, bytes, 8);
}

ErrorCode refusalOf(const Bytes& frame) {
  try {
    decode(frame);
  } catch (const FileError& error) {
    return error.code();
  }
  FAIL("not refused");
  return {};
}

Bytes of(double value, std::size_t count = 8) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) putLittle(bytes, std::bit_cast<std::uint64_t>(value), 8);
  return bytes;
}

constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t specialOffset(std::uint64_t kind) { return std::uint64_t{1} << 63 | kind << 56; }

}  // namespace

TEST_CASE("chunks of one value, and of bytes as they are") {
  CHECK(decode(frameOf(chunkOf({.moreFlags = 1 << 4}), 0)) == Bytes(64));
  CHECK(decode(frameOf(chunkOf({.moreFlags = 2 << 4}), 0)) == of(notANumber));
  CHECK(decode(frameOf(chunkOf({.moreFlags = 3 << 4, .behind = of(2.5, 1)}), 0)) == of(2.5));
  CHECK(decode(frameOf(chunkOf({.block = 16, .moreFlags = 3 << 4, .behind = of(2.5, 1)}), 0)) == of(2.5));
  CHECK(decode(frameOf(chunkOf({.moreFlags = 4 << 4}), 0)) == Bytes(64));
  CHECK(decode(frameOf(chunkOf({.block = 24, .flags = 0x07, .behind = of(1.5)}), 0)) == of(1.5));
  CHECK(decode(frameOf({}, specialOffset(1))) == Bytes(64));
  CHECK(decode(frameOf({}, specialOffset(2))) == of(notANumber));
  CHECK(decode(frameOf({}, specialOffset(4))) == Bytes(64));
}

TEST_CASE("streams of one byte") {
  Bytes behind;
  putLittle(behind, 36, 4);                                                        // where the block begins
  for (int i = 0; i < 7; ++i) putLittle(behind, 0, 4);                             // seven streams of zeros
  putLittle(behind, static_cast<std::uint32_t>(-0x41), 4), putLittle(behind, 1, 1);  // and one of 0x41
  Bytes expected;
  for (int i = 0; i < 8; ++i) putLittle(expected, 0x41ull << 56, 8);
  CHECK(decode(frameOf(chunkOf({.filter = 1, .behind = behind}), 0)) == expected);
}

TEST_CASE("codecs and filters that are not Blosc2's own are missing, and named") {
  CHECK(refusalOf(frameOf(chunkOf({.flags = 0x05 | 6 << 5, .ownCodec = 37}), 0)) == ErrorCode::missingFilter);
  CHECK(refusalOf(frameOf(chunkOf({.flags = 0x05 | 5 << 5}), 0)) == ErrorCode::missingFilter);
  CHECK(refusalOf(frameOf(chunkOf({.filter = 35}), 0)) == ErrorCode::missingFilter);
  CHECK_THROWS_WITH_AS(decode(frameOf(chunkOf({.flags = 0x05 | 6 << 5, .ownCodec = 37}), 0)),
                       "no decoder for filter 32026 (blosc2) with its codec 37", FileError);
}

TEST_CASE("frames that lie are refused before anything is made of their sizes") {
  const ChunkParts good{.flags = 0x07, .behind = of(1)};
  CHECK(decode(frameOf(chunkOf(good), 0)) == of(1));
  auto with = [&](auto change) {
    ChunkParts parts = good;
    change(parts);
    return refusalOf(frameOf(chunkOf(parts), 0));
  };
  const auto problem = ErrorCode::fileProblem;
  CHECK(with([](auto& p) { p.bytes = 0x7fffffff; }) == problem);
  CHECK(with([](auto& p) { p.bytes = 0xffffffff; }) == problem);
  CHECK(with([](auto& p) { p.block = 0; }) == problem);
  CHECK(with([](auto& p) { p.elementBytes = 0; }) == problem);
  CHECK(with([](auto& p) { p.newer = 1; }) == problem);
  CHECK(with([](auto& p) { p.flags = 0x02; }) == problem);
  CHECK(with([](auto& p) { p.moreFlags = 0x08; }) == problem);
  CHECK(with([](auto& p) { p.moreFlags = 7 << 4; }) == problem);
  CHECK(with([](auto& p) { p.flags = 0x05; }) == problem);                       // then 1.0 is where blocks begin
  CHECK(with([](auto& p) { p.moreFlags = 1 << 4, p.bytes = 1u << 30; }) == problem);
  CHECK(with([](auto& p) { p.moreFlags = 2 << 4, p.elementBytes = 2; }) == problem);
  CHECK(with([](auto& p) { p.moreFlags = 3 << 4, p.behind.clear(); }) == problem);
  CHECK(refusalOf(frameOf(chunkOf(good), 1)) == problem);
  CHECK(refusalOf(frameOf(chunkOf(good), 1u << 30)) == problem);
  CHECK(refusalOf(frameOf({}, specialOffset(3))) == problem);
  CHECK(refusalOf(frameOf({}, specialOffset(1), 8, std::uint64_t{1} << 62)) == problem);
  CHECK(refusalOf(frameOf({}, specialOffset(2), 3)) == problem);
}

TEST_CASE("each byte of a frame of an array may be any: it is refused or has its size") {
  Random random(77);
  std::size_t refused = 0;
  for (const auto& chunk : NEWER_GOLDEN_CHUNKS) {
    if (chunk.filters.back().id != codec::filter::blosc2) continue;
    Bytes original;
    for (std::size_t i = 0; i + 1 < chunk.hex.size(); i += 2)
      original.push_back(static_cast<std::byte>(std::stoi(std::string(chunk.hex.substr(i, 2)), nullptr, 16)));
    for (std::size_t at = 0; at < original.size(); ++at) {
      Bytes stored = original;
      stored[at] = static_cast<std::byte>(random.chance(50) ? random.between(0, 255) : random.chance(50) ? 0 : 255);
      try {
        const std::size_t size = GOLDEN_COUNT * chunk.elementBytes;
        const Bytes decoded = codec::decode(chunk.filters, 0, stored, size, chunk.elementBytes);
        CHECK(decoded.size() == size);
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("BloscLZ: matches near and far, and what has no end") {
  auto decompressed = [](std::vector<int> stored, std::size_t room) {
    Bytes bytes, target(room);
    for (int value : stored) bytes.push_back(static_cast<std::byte>(value));
    const auto written = codec::decompressBloscLz(bytes, target);
    std::string text;
    for (std::size_t i = 0; written && i < *written; ++i) text += std::to_integer<char>(target[i]);
    return written ? text : "refused";
  };
  CHECK(decompressed({1, 'a', 'b', 0x20 | 0x00, 1, 0, 'c'}, 6) == "ababac");
  CHECK(decompressed({0, 'a', 0xe0, 4, 0, 0, 'b'}, 15) == "aaaaaaaaaaaaaab");
  CHECK(decompressed({0, 'a', 0x20, 5, 0, 'b'}, 9) == "refused");  // from before the beginning
  CHECK(decompressed({3, 'a'}, 9) == "refused");
  CHECK(decompressed({0, 'a', 0xe0, 255}, 9) == "refused");
  CHECK(decompressed({0, 'a', 0xe0, 250, 0, 0, 'b'}, 20) == "refused");  // more than there is room for
  CHECK(decompressed({0, 'a', 0xff, 0, 255, 1}, 20) == "refused");
  CHECK(decompressed({}, 3) == "");
}
