// Decoders: chunks that libhdf5 stored (golden-chunks.h), streams made here, and hostile input, which has to be refused
// without damage (run under the address sanitizer to see that).  Not covered: speed.
#include <doctest/doctest.h>
#include <lz4.h>
#include <zstd.h>

#include "core/codec/codec.h"
#include "core/codec/registered.h"
#include "core/codec/stages.h"
#include "golden-chunks-newer.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

Bytes fromHex(std::string_view hex) {
  Bytes result;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    result.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return result;
}

Bytes expectedElements(std::size_t elementBytes) {
  Bytes result;
  for (std::uint64_t i = 0; i < GOLDEN_COUNT; ++i) {
    auto value = (7 * i * i + i) >> 3;
    for (std::size_t b = 0; b < elementBytes; ++b) result.push_back(static_cast<std::byte>(value >> 8 * b & 0xff));
  }
  return result;
}

// All that this build has decoders for: ZFP and CharLS are optional.
std::vector<GoldenChunk> goldenChunks() {
  std::vector<GoldenChunk> all = GOLDEN_CHUNKS;
  for (const auto& chunk : NEWER_GOLDEN_CHUNKS)
    if (codec::canDecode(chunk.filters)) all.push_back(chunk);
  return all;
}

Bytes decodeGolden(const GoldenChunk& chunk, const Bytes& stored) {
  return codec::decode(chunk.filters, chunk.filterMask, stored, GOLDEN_COUNT * chunk.elementBytes, chunk.elementBytes);
}

// Bitshuffle, written straight from its definition.
Bytes shuffleBits(const Bytes& data, std::size_t elementBytes) {
  auto elements = data.size() / elementBytes;
  Bytes result(data.size());
  for (std::size_t bit = 0; bit < elementBytes * 8; ++bit) {
    for (std::size_t i = 0; i < elements; ++i) {
      auto value = std::to_integer<unsigned>(data[i * elementBytes + bit / 8]) >> bit % 8 & 1;
      auto target = bit * elements + i;
      result[target / 8] |= static_cast<std::byte>(value << target % 8);
    }
  }
  return result;
}

Bytes randomBytes(Random& random, std::size_t size) {
  Bytes result(size);
  for (auto& byte : result) byte = static_cast<std::byte>(random.between(0, 255));
  return result;
}

}  // namespace

TEST_CASE("chunks stored by libhdf5 and its plugins decode to their elements") {
  for (const auto& chunk : goldenChunks()) {
    CAPTURE(chunk.name);
    CAPTURE(chunk.elementBytes);
    CHECK(codec::canDecode(chunk.filters));
    CHECK(decodeGolden(chunk, fromHex(chunk.hex)) == expectedElements(chunk.elementBytes));
  }
}

// Whether a chunk that was cut can be told from a shorter one.
bool knowsItsEnd(const GoldenChunk& chunk) {
  for (std::size_t i = 0; i < chunk.filters.size(); ++i) {
    const Filter& stage = chunk.filters[i];
    bool isPlain = stage.id == codec::filter::bitshuffle && stage.parameters.at(4) != 2;  // without LZ4
    bool isOpenEnded = stage.id == codec::filter::shuffle || stage.id == codec::filter::lzf ||
                       stage.id == codec::filter::zfp || isPlain;
    if (!(chunk.filterMask >> i & 1) && !isOpenEnded) return true;
  }
  return false;
}

TEST_CASE("a truncated chunk is a FileError where the format tells") {
  for (const auto& chunk : goldenChunks()) {
    if (!knowsItsEnd(chunk)) continue;
    auto stored = fromHex(chunk.hex);
    for (std::size_t size = 0; size < stored.size(); size += 1 + stored.size() / 97) {
      CAPTURE(chunk.name);
      CAPTURE(size);
      CHECK_THROWS_AS(decodeGolden(chunk, Bytes(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(size))),
                      FileError);
    }
  }
}

TEST_CASE("a chunk that decodes to less than its size was refused: zeros stand for the rest, as libhdf5 takes it") {
  Bytes half = expectedElements(1), whole = half;
  whole.resize(half.size() + 100);
  Bytes stored(ZSTD_compressBound(half.size()));
  stored.resize(ZSTD_compress(stored.data(), stored.size(), half.data(), half.size(), 1));
  std::vector<Filter> filters = {{codec::filter::zstd, 0, "", {}}};
  CHECK(codec::decode(filters, 0, stored, whole.size(), 1) == whole);
  CHECK(codec::decode(filters, 1, half, whole.size(), 1) == whole);
  CHECK_THROWS_AS(codec::decode(filters, 0, stored, half.size() - 1, 1), FileError);
  CHECK_THROWS_AS(codec::decode(filters, 1, half, half.size() - 1, 1), FileError);
}

TEST_CASE("a mutated chunk is a FileError or has the right size") {
  Random random(1);
  std::size_t refused = 0;
  for (const auto& chunk : goldenChunks()) {
    auto original = fromHex(chunk.hex);
    for (int trial = 0; trial < 400; ++trial) {
      auto stored = original;
      for (auto n = random.between(1, 4); n > 0; --n) {
        auto at = static_cast<std::size_t>(random.between(0, random.chance(50) ? 15 : std::ssize(stored) - 1));
        stored[at % stored.size()] = static_cast<std::byte>(random.between(0, 255));
      }
      try {
        auto size = decodeGolden(chunk, stored).size();
        CHECK(size == GOLDEN_COUNT * chunk.elementBytes);
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("fletcher32 refuses a changed bit and accepts the byte order of old libraries") {
  const auto* chunk = &GOLDEN_CHUNKS[0];
  for (const auto& candidate : GOLDEN_CHUNKS) {
    if (std::string_view(candidate.name) == "fletcher32, odd length") chunk = &candidate;
  }
  auto stored = fromHex(chunk->hex);
  auto changed = stored;
  changed[10] ^= std::byte{4};
  CHECK_THROWS_AS(decodeGolden(*chunk, changed), FileError);
  auto old = stored;
  auto sum = old.end() - 4;
  std::swap(sum[0], sum[1]);
  std::swap(sum[2], sum[3]);
  CHECK(decodeGolden(*chunk, old) == expectedElements(1));
}

TEST_CASE("filters whose bit is set in the mask were skipped") {
  std::vector<Filter> filters = {{codec::filter::shuffle, 0, "", {4}}, {codec::filter::deflate, 1, "", {6}}};
  Bytes raw = expectedElements(4);
  CHECK(codec::decode(filters, 3, raw, raw.size(), 4) == raw);
  CHECK(codec::decode(filters, 2, raw, raw.size(), 4) != raw);
  CHECK_THROWS_AS(codec::decode(filters, 1, raw, raw.size(), 4), FileError);
}

TEST_CASE("unknown filters are told apart") {
  std::vector<Filter> filters = {{32028, 0, "H5Z-SPERR", {}}};
  CHECK_FALSE(codec::canDecode(filters));
  Bytes raw(8);
  try {
    codec::decode(filters, 0, raw, 8, 1);
    FAIL("decoded by an unknown filter");
  } catch (const FileError& error) {
    CHECK(error.code() == ErrorCode::missingFilter);
    CHECK(std::string(error.what()).find("32028") != std::string::npos);
  }
}

TEST_CASE("what is missing is named by its number, with what to do") {
  CHECK(codec::registeredName(1) == "deflate");
  CHECK(codec::registeredName(257) == "hzip");
  CHECK(codec::registeredName(32026) == "Blosc2");
  CHECK(codec::registeredName(32033) == "HTJ2K");
  CHECK(codec::registeredName(40000).empty());
  auto says = [](std::uint32_t id, const char* nameInFile, const char* what) {
    return codec::missingFilterMessage(id, nameInFile).find(what) != std::string::npos;
  };
  CHECK(says(32024, "SZ3 compressor/decompressor", "no decoder for filter 32024 (SZ3): "));
  CHECK(says(32024, "", "the Python package hdf5plugin"));
  CHECK(says(32013, "", "libzfp-dev"));
  CHECK(says(32012, "", "libcharls-dev"));
  CHECK(says(32023, "", "--plugins"));
  CHECK(says(4, "", "libhdf5 was built without it"));
  CHECK(says(40000, "mine", "no decoder for filter 40000 (mine): it is not a registered filter"));
  CHECK(says(40000, "", "no decoder for filter 40000: "));
}

TEST_CASE("decoding takes no more memory than is said, whatever a shape asks for") {
  const std::vector<Filter> blosc2 = {{codec::filter::blosc2, 0, "", {}}};
  const std::vector<Filter> shuffled = {{codec::filter::shuffle, 0, "", {4}}, {codec::filter::deflate, 0, "", {}}};
  constexpr std::size_t GIB = std::size_t{1} << 30;
  CHECK(codec::decodingBytes(shuffled, 0, 1000) == 2000);
  CHECK(codec::decodingBytes(shuffled, 3, 1000) == 1000);
  CHECK(codec::decodingBytes(blosc2, 0, 1000) == 5000);
  CHECK(codec::decodingBytes(blosc2, 0, GIB) == GIB + GIB / 4);
  CHECK(codec::mostStoredBytes(shuffled, 1 << 20) < (3 << 20));
  CHECK(codec::mostStoredBytes(blosc2, 1 << 20) > (15 << 20));  // blocks beyond the edges, as they are
  CHECK(codec::mostStoredBytes(blosc2, GIB) < 3 * GIB);
}

TEST_CASE("a compressor behind another may have expanded its input") {
  Random random(3);
  auto data = randomBytes(random, 4000);  // incompressible
  std::vector<char> inner(static_cast<std::size_t>(LZ4_compressBound(4000)));
  inner.resize(static_cast<std::size_t>(LZ4_compress_default(reinterpret_cast<const char*>(data.data()), inner.data(),
                                                             4000, static_cast<int>(inner.size()))));
  REQUIRE(inner.size() > 4000);
  Bytes lz4 = fromHex("0000000000000fa000000fa00000");
  lz4.push_back(static_cast<std::byte>(inner.size() >> 8));
  lz4.push_back(static_cast<std::byte>(inner.size() & 0xff));
  for (auto c : inner) lz4.push_back(static_cast<std::byte>(c));
  Bytes outer(ZSTD_compressBound(lz4.size()));
  outer.resize(ZSTD_compress(outer.data(), outer.size(), lz4.data(), lz4.size(), 1));
  std::vector<Filter> filters = {{codec::filter::lz4, 0, "", {}}, {codec::filter::zstd, 0, "", {}}};
  CHECK(codec::decode(filters, 0, outer, 4000, 1) == data);
}

TEST_CASE("bits are unshuffled as the definition says, whatever the element size") {
  Random random(2);
  for (std::size_t elementBytes : {1, 2, 3, 4, 5, 8, 16, 24}) {
    for (std::size_t elements : {8, 16, 72, 1024}) {
      CAPTURE(elementBytes);
      CAPTURE(elements);
      auto data = randomBytes(random, elements * elementBytes);
      Bytes result(data.size());
      codec::unshuffleBits(shuffleBits(data, elementBytes).data(), result.data(), elements, elementBytes);
      CHECK(result == data);
    }
  }
}

TEST_CASE("bitshuffle with Zstandard") {
  auto data = expectedElements(4);
  auto bigEndian = [](Bytes& to, std::uint64_t value, int bytes) {
    while (bytes-- > 0) to.push_back(static_cast<std::byte>(value >> 8 * bytes & 0xff));
  };
  Bytes stored;
  bigEndian(stored, data.size(), 8);
  bigEndian(stored, 128 * 4, 4);
  std::size_t done = 0;
  while (GOLDEN_COUNT - done >= 8) {
    auto count = std::min<std::size_t>(128, (GOLDEN_COUNT - done) / 8 * 8);
    auto begin = data.begin() + static_cast<std::ptrdiff_t>(done * 4);
    auto shuffled = shuffleBits(Bytes(begin, begin + static_cast<std::ptrdiff_t>(count * 4)), 4);
    Bytes block(ZSTD_compressBound(shuffled.size()));
    block.resize(ZSTD_compress(block.data(), block.size(), shuffled.data(), shuffled.size(), 3));
    bigEndian(stored, block.size(), 4);
    stored.insert(stored.end(), block.begin(), block.end());
    done += count;
  }
  stored.insert(stored.end(), data.begin() + static_cast<std::ptrdiff_t>(done * 4), data.end());
  std::vector<Filter> filters = {{codec::filter::bitshuffle, 0, "", {0, 4, 4, 128, 3}}};
  CHECK(codec::decode(filters, 0, stored, data.size(), 4) == data);
  stored.resize(stored.size() - 1);
  CHECK_THROWS_AS(codec::decode(filters, 0, stored, data.size(), 4), FileError);
}

TEST_CASE("declared sizes beyond the chunk are refused before anything is allocated") {
  auto huge = fromHex("7fffffffffffffff00100000000000040011223300112233");
  std::vector<Filter> lz4 = {{codec::filter::lz4, 0, "", {}}};
  std::vector<Filter> bitshuffle = {{codec::filter::bitshuffle, 0, "", {0, 4, 2, 0, 2}}};
  CHECK_THROWS_AS(codec::decode(lz4, 0, huge, 64, 2), FileError);
  CHECK_THROWS_AS(codec::decode(bitshuffle, 0, huge, 64, 2), FileError);
  std::vector<Filter> hugeElement = {{codec::filter::bitshuffle, 0, "", {0, 4, 0xffffffff, 0xfffffff8, 2}}};
  CHECK_THROWS_AS(codec::decode(hugeElement, 0, huge, 64, 2), FileError);
}
