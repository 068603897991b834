#include "core/codec/blosc2-chunk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "core/codec/compressors.h"
#include "h5cap/error.h"

namespace h5cap::codec {

namespace {

// Header: version, version of the codec's format, flags, bytes of an element; then 4 bytes each, little-endian.
constexpr std::size_t FLAGS_AT = 2, ELEMENT_AT = 3, BYTES_AT = 4, BLOCK_AT = 8, STORED_AT = 12;
constexpr std::size_t FILTERS_AT = 16, OWN_CODEC_AT = 22, FILTER_VALUES_AT = 24, NEWER_AT = 30, MORE_FLAGS_AT = 31;
constexpr std::size_t HEADER = 32, FILTERS = 6;

constexpr unsigned IS_EXTENDED = 0x05, IS_STORED = 0x02, IS_NOT_SPLIT = 0x10, CODEC_SHIFT = 5;
constexpr unsigned HAS_DICTIONARY = 0x01, IS_LAZY = 0x08, SPECIAL_SHIFT = 4, SPECIAL_MASK = 7, IS_MEASUREMENT = 0x80;

constexpr unsigned NO_FILTER = 0, TRUNCATION = 4, LAST_OWN_FILTER = 4;  // truncation is not undone
constexpr unsigned BLOSCLZ = 0, LZ4 = 1, ZLIB = 3, ZSTD = 4, NAMED_ELSEWHERE = 6;
constexpr unsigned FIRST_STABLE_VERSION = 4;  // earlier ones left the last filter uninitialised

unsigned byteAt(Input bytes, std::size_t at) { return std::to_integer<unsigned>(bytes[at]); }

std::int32_t littleEndian32(Input bytes, std::size_t at) {
  return static_cast<std::int32_t>(__builtin_bswap32(bigEndian32(bytes, at)));
}

[[noreturn]] void missing(const char* what, unsigned number) {
  throw FileError(fmt::format("no decoder for filter 32026 (blosc2) with its {} {}", what, number),
                  ErrorCode::missingFilter);
}

// Once, and then what is there already as often as it fits.
void repeat(Input value, std::span<std::byte> target) {
  std::size_t done = std::min(value.size(), target.size());
  std::memcpy(target.data(), value.data(), done);
  while (done < target.size()) {
    const std::size_t count = std::min(done, target.size() - done);
    std::memcpy(target.data() + done, target.data(), count);
    done += count;
  }
}

template <class Element>
void repeatNotANumber(std::span<std::byte> target) {
  const Element value = std::numeric_limits<Element>::quiet_NaN();
  if (target.size() % sizeof value != 0) corrupt("blosc2", "a part of a number");
  repeat(std::as_bytes(std::span(&value, 1)), target);
}

// Each element was stored as its difference, by exclusive or, from that which stands as far from `reference`.
template <class Element>
void addReference(const std::byte* reference, std::span<std::byte> data) {
  for (std::size_t i = 0; i + sizeof(Element) <= data.size(); i += sizeof(Element)) {
    Element one, other;
    std::memcpy(&one, data.data() + i, sizeof one);
    std::memcpy(&other, reference + i, sizeof other);
    one ^= other;
    std::memcpy(data.data() + i, &one, sizeof one);
  }
}

}  // namespace

void fillNotANumber(std::span<std::byte> target, std::size_t elementBytes) {
  if (elementBytes == sizeof(float)) return repeatNotANumber<float>(target);
  if (elementBytes == sizeof(double)) return repeatNotANumber<double>(target);
  corrupt("blosc2", "no number is of that size");
}

Blosc2Chunk::Blosc2Chunk(Input stored) : stored_(stored) {
  if (stored.size() < HEADER) corrupt("blosc2", "truncated");
  const unsigned flags = byteAt(stored, FLAGS_AT), moreFlags = byteAt(stored, MORE_FLAGS_AT);
  if ((flags & IS_EXTENDED) != IS_EXTENDED) corrupt("blosc2", "a chunk of Blosc 1");
  if (byteAt(stored, NEWER_AT) != 0) corrupt("blosc2", "blocks of several sizes, or a newer format");
  if ((moreFlags & (IS_LAZY | IS_MEASUREMENT)) != 0) corrupt("blosc2", "a chunk that is not whole");
  const std::int32_t bytes = littleEndian32(stored, BYTES_AT), block = littleEndian32(stored, BLOCK_AT);
  const std::int32_t size = littleEndian32(stored, STORED_AT);
  if (size < static_cast<std::int32_t>(HEADER) || static_cast<std::size_t>(size) > stored.size())
    corrupt("blosc2", "truncated");
  elementBytes_ = byteAt(stored, ELEMENT_AT);
  if (bytes < 0 || block <= 0 || elementBytes_ == 0) corrupt("blosc2", "a bad header");
  stored_ = stored.first(static_cast<std::size_t>(size));
  bytes_ = static_cast<std::size_t>(bytes);
  blockBytes_ = std::clamp<std::size_t>(bytes_, 1, static_cast<std::size_t>(block));
  blockCount_ = (bytes_ + blockBytes_ - 1) / blockBytes_;
  isSplit_ = (flags & IS_NOT_SPLIT) == 0;
  codec_ = flags >> CODEC_SHIFT;
  readKind(static_cast<std::uint8_t>(flags), static_cast<std::uint8_t>(moreFlags));
  if (kind_ != Kind::compressed) return;
  if (codec_ == NAMED_ELSEWHERE) missing("codec", byteAt(stored, OWN_CODEC_AT));
  if (codec_ != BLOSCLZ && codec_ != LZ4 && codec_ != ZLIB && codec_ != ZSTD) missing("codec", codec_);
  readPipeline(static_cast<std::uint8_t>(byteAt(stored, 0)));
  readBlockStarts(static_cast<std::uint8_t>(moreFlags));
}

void Blosc2Chunk::readKind(std::uint8_t flags, std::uint8_t moreFlags) {
  const unsigned special = moreFlags >> SPECIAL_SHIFT & SPECIAL_MASK;
  const std::size_t behind = stored_.size() - HEADER;
  switch (special) {
    case 0:
      if ((flags & IS_STORED) == 0) return;
      kind_ = Kind::stored;
      if (behind != bytes_) corrupt("blosc2", "stored bytes of another size");
      return;
    case 1:
    case 4:  // never set: anything
      kind_ = Kind::zeros;
      return;
    case 2:
      kind_ = Kind::notANumber;
      return;
    case 3:
      kind_ = Kind::repeated;
      if (behind == 0 || bytes_ % behind != 0) corrupt("blosc2", "a repeated value of a bad size");
      return;
    default:
      corrupt("blosc2", "an unknown special value");
  }
}

void Blosc2Chunk::readPipeline(std::uint8_t version) {
  const std::size_t count = version < FIRST_STABLE_VERSION ? FILTERS - 1 : FILTERS;
  for (std::size_t i = count; i-- > 0;) {
    const unsigned number = byteAt(stored_, FILTERS_AT + i), value = byteAt(stored_, FILTER_VALUES_AT + i);
    if (number == NO_FILTER || number == TRUNCATION) continue;
    if (number > LAST_OWN_FILTER) missing("filter", number);
    const Stage stage = static_cast<Stage>(number);
    const bool hasOwnSize = stage == Stage::shuffle && value != 0;
    if (!pipeline_.empty() && pipeline_.back().stage == Stage::delta)
      corrupt("blosc2", "delta behind another filter");  // which nobody can undo: not the library either
    pipeline_.push_back({stage, hasOwnSize ? value : elementBytes_});
  }
}

void Blosc2Chunk::readBlockStarts(std::uint8_t moreFlags) {
  const std::size_t room = (stored_.size() - HEADER) / sizeof(std::int32_t);
  if (blockCount_ > room) corrupt("blosc2", "truncated");
  if ((moreFlags & HAS_DICTIONARY) == 0) return;
  const std::size_t at = HEADER + blockCount_ * sizeof(std::int32_t);
  if (blockCount_ + 1 > room) corrupt("blosc2", "truncated");
  const std::int32_t size = littleEndian32(stored_, at);
  const Input rest = stored_.subspan(at + sizeof size);
  if (size <= 0 || static_cast<std::size_t>(size) > rest.size()) corrupt("blosc2", "a bad dictionary");
  if (codec_ != LZ4 && codec_ != ZSTD) corrupt("blosc2", "a dictionary for a codec that has none");
  dictionary_ = rest.first(static_cast<std::size_t>(size));
}

std::size_t Blosc2Chunk::bytesOfBlock(std::size_t block) const {
  return std::min(blockBytes_, bytes_ - block * blockBytes_);
}

void Blosc2Chunk::decodeBlock(std::size_t block, std::span<std::byte> target) {
  if (kind_ == Kind::stored) {
    std::memcpy(target.data(), stored_.data() + HEADER + block * blockBytes_, target.size());
    return;
  }
  if (kind_ != Kind::compressed) return fill(target);
  // The last filter writes to the target, those before it to and fro.
  std::array<std::span<std::byte>, 2> rooms;
  for (std::size_t i = 0; i < 2 && i < pipeline_.size(); ++i) {
    rooms_[i].resize(blockBytes_);
    rooms[i] = std::span(rooms_[i]).first(target.size());
  }
  std::span<std::byte> data = pipeline_.empty() ? target : rooms[0];
  readStreams(block, data);
  for (std::size_t i = 0; i < pipeline_.size(); ++i) {
    const auto next = i + 1 == pipeline_.size() ? target : rooms[(i + 1) % 2];
    undo(pipeline_[i], block, data, next);
    data = next;
  }
  if (block == 0 && !pipeline_.empty() && pipeline_.back().stage == Stage::delta)
    first_.assign(target.begin(), target.end());
}

void Blosc2Chunk::fill(std::span<std::byte> target) const {
  switch (kind_) {
    case Kind::notANumber:
      return fillNotANumber(target, elementBytes_);
    case Kind::repeated: {
      // Blocks need not begin with the value.
      const Input value = stored_.subspan(HEADER);
      if (blockBytes_ % value.size() != 0 && blockCount_ > 1) corrupt("blosc2", "a repeated value across blocks");
      return repeat(value, target);
    }
    default:
      std::fill(target.begin(), target.end(), std::byte{0});
  }
}

void Blosc2Chunk::readStreams(std::size_t block, std::span<std::byte> target) const {
  const std::int32_t start = littleEndian32(stored_, HEADER + block * sizeof(std::int32_t));
  if (start <= 0 || static_cast<std::size_t>(start) >= stored_.size()) corrupt("blosc2", "a block outside the chunk");
  Input from = stored_.subspan(static_cast<std::size_t>(start));
  const bool isShorter = target.size() != blockBytes_;
  const std::size_t streams = isSplit_ && !isShorter ? elementBytes_ : 1;
  const std::size_t each = target.size() / streams;
  if (each == 0) corrupt("blosc2", "a block that cannot be split");
  for (std::size_t i = 0; i < streams; ++i) from = from.subspan(readStream(from, target.subspan(i * each, each)));
  // The library splits also what it cannot split evenly, and loses the rest.
  const auto lost = target.subspan(streams * each);
  std::fill(lost.begin(), lost.end(), std::byte{0});
}

// Gives what was taken.  The size of a stream may be zero: all bytes are; or negative: one value in all bytes, when a
// byte that follows says so.
std::size_t Blosc2Chunk::readStream(Input from, std::span<std::byte> target) const {
  constexpr std::size_t SIZE = sizeof(std::int32_t);
  if (from.size() < SIZE) corrupt("blosc2", "truncated");
  const std::int32_t size = littleEndian32(from, 0);
  from = from.subspan(SIZE);
  if (size == 0) {
    std::fill(target.begin(), target.end(), std::byte{0});
    return SIZE;
  }
  if (size < 0) {
    if (from.empty()) corrupt("blosc2", "truncated");
    if ((byteAt(from, 0) & 1) == 0 || size < -255) corrupt("blosc2", "an unknown kind of stream");
    std::fill(target.begin(), target.end(), static_cast<std::byte>(-size));
    return SIZE + 1;
  }
  const auto count = static_cast<std::size_t>(size);
  if (count > from.size()) corrupt("blosc2", "truncated");
  if (count == target.size()) {
    std::memcpy(target.data(), from.data(), count);
  } else {
    decompress(from.first(count), target);
  }
  return SIZE + count;
}

void Blosc2Chunk::decompress(Input from, std::span<std::byte> target) const {
  std::optional<std::size_t> written;
  switch (codec_) {
    case BLOSCLZ:
      written = decompressBloscLz(from, target);
      break;
    case LZ4:
      written = decompressLz4(from, target, dictionary_);
      break;
    case ZLIB:
      written = decompressZlib(from, target);
      break;
    case ZSTD:
      written = decompressZstd(from, target, dictionary_);
      break;
  }
  if (written != target.size()) corrupt("blosc2", "a block does not decompress to its size");
}

void Blosc2Chunk::undo(const Undone& undone, std::size_t block, Input from, std::span<std::byte> target) {
  switch (undone.stage) {
    case Stage::shuffle:
      return unshuffle(from, target, undone.elementBytes);
    case Stage::bitshuffle: {
      const std::size_t elements = from.size() / undone.elementBytes / 8 * 8, done = elements * undone.elementBytes;
      unshuffleBits(from.data(), target.data(), elements, undone.elementBytes);
      std::copy(from.begin() + static_cast<std::ptrdiff_t>(done), from.end(),
                target.begin() + static_cast<std::ptrdiff_t>(done));
      return;
    }
    case Stage::delta:
      std::copy(from.begin(), from.end(), target.begin());
      return undoDelta(block, undone.elementBytes, target);
  }
}

// The first block's elements differ from those before them, other blocks' from the first block's.
void Blosc2Chunk::undoDelta(std::size_t block, std::size_t elementBytes, std::span<std::byte> data) const {
  if (elementBytes != 1 && elementBytes != 2 && elementBytes != 4 && elementBytes != 8)
    elementBytes = elementBytes % 8 == 0 ? 8 : 1;
  const std::byte* reference = first_.data();
  if (block == 0) {
    reference = data.data();
    data = data.subspan(std::min(elementBytes, data.size()));
  } else if (first_.size() < data.size()) {
    corrupt("blosc2", "a block before the first");
  }
  switch (elementBytes) {
    case 2:
      return addReference<std::uint16_t>(reference, data);
    case 4:
      return addReference<std::uint32_t>(reference, data);
    case 8:
      return addReference<std::uint64_t>(reference, data);
    default:
      return addReference<std::uint8_t>(reference, data);
  }
}

}  // namespace h5cap::codec
