// One function a filter: each undoes one stage of a pipeline.  Internal to core/codec.
//
// All throw FileError (fileProblem) naming the filter, and produce at most `maxBytes` bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "h5cap/node.h"

namespace h5cap::codec {

using Input = std::span<const std::byte>;

Bytes inflate(Input stored, std::size_t maxBytes);
void checkFletcher32(Input stored);  // of all but the last four bytes, which hold the sum
Bytes decodeLzf(Input stored, std::size_t maxBytes);
Bytes decodeLz4(Input stored, std::size_t maxBytes);
Bytes decodeBitshuffle(const Filter& filter, Input stored, std::size_t maxBytes);
Bytes decodeZstd(Input stored, std::size_t maxBytes);
Bytes decodeBlosc(Input stored, std::size_t maxBytes);
// Holds so many blocks beside its result, and takes none that are larger.
inline constexpr std::size_t BLOSC2_BLOCKS = 4, MAX_BLOSC2_BLOCK = 64 << 20;
Bytes decodeBlosc2(const Filter& filter, Input stored, std::size_t maxBytes);
Bytes decodeBzip2(Input stored, std::size_t maxBytes);

// With libraries that a build may lack; (missingFilter) then.
Bytes decodeZfp(const Filter& filter, Input stored, std::size_t maxBytes);
Bytes decodeJpegLs(const Filter& filter, Input stored, std::size_t maxBytes);

// The target has as many bytes as are stored.
void unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes);

// Undoes bitshuffle on a block of a multiple of eight elements: `source` and `target` have elementCount * elementBytes
// bytes.
void unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount, std::size_t elementBytes);

// The same without any library, for elements of a byte and more: what the former two are compared with.
namespace plain {
void unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes);
void unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount, std::size_t elementBytes);
}  // namespace plain

[[noreturn]] void corrupt(const char* filter, const std::string& what);

std::uint32_t bigEndian32(Input bytes, std::size_t at);  // the bytes must be there
std::uint64_t bigEndian64(Input bytes, std::size_t at);

}  // namespace h5cap::codec
