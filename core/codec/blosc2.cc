// The registered filter 32026: one contiguous frame of Blosc2 a chunk (README_CFRAME_FORMAT of C-Blosc2), with one
// chunk of that library in it.  Of arrays of two axes and more the frame has a metalayer `b2nd` (`caterva` in older
// ones): their elements stand block by block, and blocks reach beyond the edges.  Parameters: revision, bytes of a
// block, of an element and of the chunk, level, filter, codec, and for such arrays the rank and each length.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <variant>

#include "core/codec/blosc2-chunk.h"
#include "core/codec/stages.h"

namespace h5cap::codec {

namespace {

// Numbers in a frame's header are MessagePack's: a byte that says the type, and the number, big-endian.
constexpr std::size_t MAGIC_AT = 2, HEADER_BYTES_AT = 11, FRAME_BYTES_AT = 16, FRAME_TYPE_AT = 26, BYTES_AT = 30;
constexpr std::size_t CHUNKS_BYTES_AT = 39, ELEMENT_AT = 48, METALAYERS_AT = 91, LEAST_HEADER = 94;
constexpr std::string_view MAGIC("b2frame\0", 8);
constexpr unsigned FRAME_TYPE_MASK = 0x0f;  // 0: contiguous
constexpr unsigned SHORT_TEXT = 0xa0, BINARY_MARK = 0xc6;

constexpr std::size_t MAX_RANK = 16;
constexpr std::size_t RANK_AT = 7;  // among the parameters

struct Frame {
  Input header;         // metalayers included
  Input chunks;         // and all that follows
  std::size_t offsets;  // among these: where the chunk of their offsets begins
  std::size_t elementBytes;
};

Frame readFrame(Input stored) {
  if (stored.size() < LEAST_HEADER || std::memcmp(stored.data() + MAGIC_AT, MAGIC.data(), MAGIC.size()) != 0)
    corrupt("blosc2", "no frame");
  if ((std::to_integer<unsigned>(stored[FRAME_TYPE_AT]) & FRAME_TYPE_MASK) != 0)
    corrupt("blosc2", "a frame of several files");
  const std::size_t headerBytes = bigEndian32(stored, HEADER_BYTES_AT);
  const std::uint64_t chunksBytes = bigEndian64(stored, CHUNKS_BYTES_AT);
  if (headerBytes < LEAST_HEADER || headerBytes > stored.size() || chunksBytes > stored.size() - headerBytes ||
      bigEndian64(stored, FRAME_BYTES_AT) > stored.size())
    corrupt("blosc2", "truncated");
  const std::size_t elementBytes = bigEndian32(stored, ELEMENT_AT);
  if (elementBytes == 0) corrupt("blosc2", "no element size");
  return {stored.first(headerBytes), stored.subspan(headerBytes), static_cast<std::size_t>(chunksBytes), elementBytes};
}

// The metalayer's content, if there is one of that name: the header has a map of names to places in it.
std::optional<Input> metalayer(Input header, std::string_view name) {
  std::size_t at = METALAYERS_AT;
  const unsigned count = std::to_integer<unsigned>(header[at + 1]) << 8 | std::to_integer<unsigned>(header[at + 2]);
  at += 3;
  for (unsigned i = 0; i < count; ++i) {
    if (at >= header.size()) corrupt("blosc2", "metalayers that are cut off");
    const std::size_t length = std::to_integer<unsigned>(header[at++]) ^ SHORT_TEXT;
    constexpr std::size_t PLACE = 5;
    if (length >= 32 || length + PLACE > header.size() - at) corrupt("blosc2", "metalayers that are cut off");
    const bool isIt = length == name.size() && std::memcmp(header.data() + at, name.data(), length) == 0;
    const std::size_t place = bigEndian32(header, at + length + 1);
    at += length + PLACE;
    if (!isIt) continue;
    if (place > header.size() || header.size() - place < PLACE || header[place] != std::byte{BINARY_MARK})
      corrupt("blosc2", "a metalayer outside the header");
    const std::size_t size = bigEndian32(header, place + 1);
    if (size > header.size() - place - PLACE) corrupt("blosc2", "a metalayer outside the header");
    return header.subspan(place + PLACE, size);
  }
  return std::nullopt;
}

// Where the frame's only chunk begins, or what all its elements are, of which then no byte is kept.
enum class Special { zeros, notANumber };
std::variant<std::size_t, Special> findChunk(const Frame& frame) {
  Blosc2Chunk offsets(frame.chunks.subspan(frame.offsets));
  std::array<std::byte, 8> offset{};
  if (offsets.bytes() != offset.size() || offsets.blockCount() != 1) corrupt("blosc2", "not one chunk in a frame");
  offsets.decodeBlock(0, offset);
  std::uint64_t value = 0;
  std::memcpy(&value, offset.data(), sizeof value);
  constexpr unsigned ZEROS = 1, NOT_A_NUMBER = 2, NEVER_SET = 4, KIND_AT = 56, KIND_MASK = 7;
  if (value >> 63 != 0) {
    const unsigned kind = value >> KIND_AT & KIND_MASK;
    if (kind == NOT_A_NUMBER) return Special::notANumber;
    if (kind == ZEROS || kind == NEVER_SET) return Special::zeros;
    corrupt("blosc2", "an unknown special chunk");
  }
  if (value > frame.offsets) corrupt("blosc2", "a chunk outside its frame");
  return static_cast<std::size_t>(value);
}

// Lengths of an array and of its blocks, the elements' bytes as the last axis.  Neighbouring axes that blocks do not
// divide are one axis.
struct Blocks {
  std::size_t rank = 0;
  std::array<std::size_t, MAX_RANK + 1> shape{}, block{};

  std::size_t bytes() const {
    std::size_t product = 1;
    for (std::size_t i = 0; i < rank; ++i) product *= shape[i];
    return product;
  }
  std::size_t count(std::size_t axis) const { return (shape[axis] + block[axis] - 1) / block[axis]; }

  void prepend(std::size_t length, std::size_t ofBlock) {
    if (rank > 0 && shape[0] == block[0]) {
      shape[0] *= length;
      block[0] *= ofBlock;
      return;
    }
    std::copy_backward(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(rank),
                       shape.begin() + static_cast<std::ptrdiff_t>(rank) + 1);
    std::copy_backward(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(rank),
                       block.begin() + static_cast<std::ptrdiff_t>(rank) + 1);
    shape[0] = length;
    block[0] = ofBlock;
    ++rank;
  }
};

// Of the metalayer: [version, rank, [shape], [chunk's shape], [block's shape], …], each length a mark and a number.
Blocks readBlocks(Input meta, std::size_t elementBytes, const Filter& filter, std::size_t maxBytes) {
  constexpr std::size_t RANK_AT_META = 2, SHAPE_AT = 3, LONG = 9, SHORT = 5;
  if (meta.size() <= SHAPE_AT) corrupt("blosc2", "a shape that is cut off");
  const std::size_t rank = std::to_integer<unsigned>(meta[RANK_AT_META]);
  if (rank == 0 || rank > MAX_RANK) corrupt("blosc2", "a shape of so many axes");
  // Behind the mark of the list.
  const std::size_t shapeAt = SHAPE_AT + 1, chunkAt = shapeAt + rank * LONG + 1, blockAt = chunkAt + rank * SHORT + 1;
  if (meta.size() < blockAt + rank * SHORT) corrupt("blosc2", "a shape that is cut off");
  const auto& parameters = filter.parameters;
  const bool isTold = parameters.size() > RANK_AT;
  if (isTold && (parameters[RANK_AT] != rank || parameters.size() < RANK_AT + 1 + rank))
    corrupt("blosc2", "a shape of another rank than the chunk's");
  Blocks blocks;
  blocks.prepend(elementBytes, elementBytes);
  std::size_t bytes = elementBytes;
  for (std::size_t i = rank; i-- > 0;) {
    const std::uint64_t length = bigEndian64(meta, shapeAt + 1 + i * LONG);
    const std::size_t ofChunk = bigEndian32(meta, chunkAt + 1 + i * SHORT);
    const std::size_t ofBlock = bigEndian32(meta, blockAt + 1 + i * SHORT);
    if (length != ofChunk || length == 0 || ofBlock == 0 || ofBlock > length || bytes > maxBytes / length)
      corrupt("blosc2", "a shape that does not fit");
    if (isTold && parameters[RANK_AT + 1 + i] != length) corrupt("blosc2", "another shape than the chunk's");
    bytes *= length;
    blocks.prepend(length, ofBlock);
  }
  return blocks;
}

// Copies what of a block lies within the array to its place: `index` counts blocks along each axis.
void place(const Blocks& blocks, const std::array<std::size_t, MAX_RANK + 1>& index, Input block, std::byte* target) {
  const std::size_t rows = blocks.rank - 1;  // the last axis is copied as a whole
  std::array<std::size_t, MAX_RANK + 1> count{}, at{};
  for (std::size_t i = 0; i < blocks.rank; ++i)
    count[i] = std::min(blocks.block[i], blocks.shape[i] - index[i] * blocks.block[i]);
  for (;;) {
    std::size_t from = 0, to = 0;
    for (std::size_t i = 0; i < blocks.rank; ++i) {
      from = from * blocks.block[i] + at[i];
      to = to * blocks.shape[i] + index[i] * blocks.block[i] + at[i];
    }
    std::memcpy(target + to, block.data() + from, count[rows]);
    std::size_t axis = rows;
    while (axis > 0 && ++at[axis - 1] == count[axis - 1]) at[--axis] = 0;
    if (axis == 0) return;
  }
}

Bytes decodeArray(Blosc2Chunk& chunk, const Blocks& blocks) {
  std::size_t blockBytes = 1, blockCount = 1;
  for (std::size_t i = 0; i < blocks.rank; ++i) {
    blockBytes *= blocks.block[i];
    blockCount *= blocks.count(i);
  }
  if (chunk.blockBytes() != blockBytes || chunk.blockCount() != blockCount || chunk.bytes() % blockBytes != 0)
    corrupt("blosc2", "blocks that do not make up the array");
  Bytes result(blocks.bytes()), block(blockBytes);
  std::array<std::size_t, MAX_RANK + 1> index{};
  for (std::size_t n = 0; n < blockCount; ++n) {
    chunk.decodeBlock(n, block);
    place(blocks, index, block, result.data());
    for (std::size_t axis = blocks.rank; axis-- > 0 && ++index[axis] == blocks.count(axis);) index[axis] = 0;
  }
  return result;
}

Bytes decodeWhole(Blosc2Chunk& chunk, std::size_t maxBytes) {
  if (chunk.bytes() > maxBytes) corrupt("blosc2", "more data than the chunk holds");
  Bytes result(chunk.bytes());
  for (std::size_t i = 0; i < chunk.blockCount(); ++i)
    chunk.decodeBlock(i, std::span(result).subspan(i * chunk.blockBytes(), chunk.bytesOfBlock(i)));
  return result;
}

}  // namespace

Bytes decodeBlosc2(const Filter& filter, Input stored, std::size_t maxBytes) {
  const Frame frame = readFrame(stored);
  std::optional<Input> meta = metalayer(frame.header, "b2nd");
  if (!meta) meta = metalayer(frame.header, "caterva");
  std::optional<Blocks> blocks;
  if (meta) blocks = readBlocks(*meta, frame.elementBytes, filter, maxBytes);
  const auto found = findChunk(frame);
  if (const auto* special = std::get_if<Special>(&found)) {
    const std::uint64_t bytes = blocks ? blocks->bytes() : bigEndian64(stored, BYTES_AT);
    if (bytes > maxBytes) corrupt("blosc2", "more data than the chunk holds");
    Bytes result(static_cast<std::size_t>(bytes));
    if (*special == Special::notANumber) fillNotANumber(result, frame.elementBytes);
    return result;
  }
  Blosc2Chunk chunk(frame.chunks.subspan(std::get<std::size_t>(found)));
  if (chunk.blockBytes() > MAX_BLOSC2_BLOCK) corrupt("blosc2", "blocks of more than 64 MiB");
  return blocks ? decodeArray(chunk, *blocks) : decodeWhole(chunk, maxBytes);
}

}  // namespace h5cap::codec
