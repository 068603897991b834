#include "core/codec/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/codec/registered.h"
#include "core/codec/stages.h"
#include "h5cap/error.h"

namespace h5cap::codec {

namespace {

constexpr std::size_t FLETCHER_BYTES = 4;
constexpr std::size_t MAX_MASKED_FILTERS = 32;  // bits of a filter mask; also HDF5's own limit on a pipeline

#ifdef H5CAP_HAS_ZFP
constexpr bool HAS_ZFP = true;
#else
constexpr bool HAS_ZFP = false;
#endif
#ifdef H5CAP_HAS_CHARLS
constexpr bool HAS_CHARLS = true;
#else
constexpr bool HAS_CHARLS = false;
#endif

bool isKnown(const Filter& candidate) {
  if (candidate.id != filter::bitshuffle) return isDecoded(candidate.id);
  // [major, minor, element size, block size, compression]: see bitshuffle.cc.
  return candidate.parameters.size() >= 3 &&
         (candidate.parameters.size() < 5 || candidate.parameters[4] == 0 || candidate.parameters[4] == 2 ||
          candidate.parameters[4] == 3);
}

bool isSkipped(std::size_t i, std::uint32_t mask) { return i < MAX_MASKED_FILTERS && (mask >> i & 1) != 0; }

// The most by which a stage makes data larger that it cannot compress.
std::size_t overhead(const Filter& stage, std::size_t chunkBytes) {
  switch (stage.id) {
    case filter::fletcher32:
      return FLETCHER_BYTES;
    case filter::shuffle:
      return 0;
    default:
      return chunkBytes / 8 + 4096;
  }
}

// The element size that shuffle was told, which need not be that of the type any more.
std::size_t shuffledBytes(const Filter& stage, std::size_t elementBytes) {
  return stage.parameters.empty() ? elementBytes : stage.parameters[0];
}

Bytes unshuffled(Input stored, std::size_t elementBytes) {
  Bytes result(stored.size());
  unshuffle(stored, result, elementBytes);
  return result;
}

Bytes undo(const Filter& stage, Input stored, std::size_t maxBytes, std::size_t elementBytes) {
  switch (stage.id) {
    case filter::deflate:
      return inflate(stored, maxBytes);
    case filter::shuffle:
      if (stored.size() > maxBytes) corrupt("shuffle", "more than fits");
      return unshuffled(stored, shuffledBytes(stage, elementBytes));
    case filter::lzf:
      return decodeLzf(stored, maxBytes);
    case filter::lz4:
      return decodeLz4(stored, maxBytes);
    case filter::bitshuffle:
      return decodeBitshuffle(stage, stored, maxBytes);
    case filter::zstd:
      return decodeZstd(stored, maxBytes);
    case filter::blosc:
      return decodeBlosc(stored, maxBytes);
    case filter::bzip2:
      return decodeBzip2(stored, maxBytes);
    case filter::blosc2:
      return decodeBlosc2(stage, stored, maxBytes);
    case filter::zfp:
      return decodeZfp(stage, stored, maxBytes);
    case filter::jpegls:
    case filter::fcidecomp:
      return decodeJpegLs(stage, stored, maxBytes);
  }
  throw FileError(missingFilterMessage(stage.id, stage.name), ErrorCode::missingFilter);
}

}  // namespace

bool isDecoded(std::uint32_t filterId) {
  switch (filterId) {
    case filter::deflate:
    case filter::shuffle:
    case filter::fletcher32:
    case filter::bzip2:
    case filter::lzf:
    case filter::blosc:
    case filter::lz4:
    case filter::bitshuffle:
    case filter::zstd:
    case filter::blosc2:
      return true;
    case filter::zfp:
      return HAS_ZFP;
    case filter::jpegls:
    case filter::fcidecomp:
      return HAS_CHARLS;
    default:
      return false;
  }
}

bool canDecode(std::span<const Filter> filters) {
  return filters.size() <= MAX_MASKED_FILTERS && std::all_of(filters.begin(), filters.end(), isKnown);
}

Bytes decode(std::span<const Filter> filters, std::uint32_t filterMask, Input stored, std::size_t chunkBytes,
             std::size_t elementBytes) {
  // What a stage gets when it writes may be larger than the chunk: by the checksums and the overhead of stages before
  // it.
  std::size_t room = chunkBytes;
  std::vector<std::size_t> rooms(filters.size());
  for (std::size_t i = 0; i < filters.size(); ++i) {
    rooms[i] = room;
    if (!isSkipped(i, filterMask)) room += overhead(filters[i], chunkBytes);
  }
  Bytes data;
  auto input = stored;
  bool isOwned = false;
  for (std::size_t i = filters.size(); i-- > 0;) {
    if (isSkipped(i, filterMask)) continue;
    if (filters[i].id == filter::fletcher32) {
      checkFletcher32(input);
      input = input.first(input.size() - FLETCHER_BYTES);
      continue;
    }
    auto next = undo(filters[i], input, rooms[i], elementBytes);
    data = std::move(next);
    input = data;
    isOwned = true;
  }
  if (input.size() > chunkBytes) {
    throw FileError(fmt::format("a chunk of {} bytes decodes to {}", chunkBytes, input.size()));
  }
  if (!isOwned) data.assign(input.begin(), input.end());
  data.resize(input.size());  // cuts off a checksum
  data.resize(chunkBytes);
  return data;
}

std::size_t mostStoredBytes(std::span<const Filter> filters, std::size_t chunkBytes) {
  constexpr std::size_t SLACK = 65536;
  // Blocks of Blosc2 reach beyond the edges of a small chunk: those of 17 x 17 x 17 elements are 16 long.
  constexpr std::size_t TIMES_WITH_BLOCKS = 16, MOST_WITH_BLOCKS = 64 << 20;
  const bool hasBlocks =
      std::any_of(filters.begin(), filters.end(), [](const Filter& stage) { return stage.id == filter::blosc2; });
  std::size_t most = 2 * chunkBytes;
  if (hasBlocks) most = std::max(most, std::min(TIMES_WITH_BLOCKS * chunkBytes, MOST_WITH_BLOCKS));
  return most + SLACK;
}

std::size_t decodingBytes(std::span<const Filter> filters, std::uint32_t filterMask, std::size_t chunkBytes) {
  std::size_t stages = 0, beside = 0;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (isSkipped(i, filterMask) || filters[i].id == filter::fletcher32) continue;
    ++stages;
    if (filters[i].id == filter::blosc2)
      beside = std::max(beside, BLOSC2_BLOCKS * std::min(chunkBytes, MAX_BLOSC2_BLOCK));
    if (filters[i].id == filter::zfp) beside = std::max(beside, 2 * chunkBytes);  // a copy of what is stored, and zeros
  }
  // What a stage makes of what another one made.
  return std::clamp<std::size_t>(stages, 1, 2) * chunkBytes + beside;
}

Bytes decodeStage(const Filter& stage, Input stored, std::size_t maxBytes) {
  // Decoders want room for the whole result: as much as the data says, or attempts that grow.
  std::size_t room = std::min(std::max<std::size_t>(stored.size() * 4, 1 << 16), maxBytes);
  for (;;) {
    try {
      return undo(stage, stored, room, 1);
    } catch (const FileError& problem) {
      if (room >= maxBytes || problem.code() != ErrorCode::fileProblem) throw;
      room = std::min(room * 4, maxBytes);
    }
  }
}

void corrupt(const char* filter, const std::string& what) {
  throw FileError(fmt::format("a chunk cannot be decoded by {}: {}", filter, what));
}

std::uint32_t bigEndian32(Input bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

std::uint64_t bigEndian64(Input bytes, std::size_t at) {
  return std::uint64_t{bigEndian32(bytes, at)} << 32 | bigEndian32(bytes, at + 4);
}

}  // namespace h5cap::codec
