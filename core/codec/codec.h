// Decoders of stored chunks: HDF5's filter pipeline, without libhdf5.
//
// Input is hostile: decoders never write past the size they were told, and report what is wrong as FileError
// (fileProblem) naming the filter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::codec {

namespace filter {
inline constexpr std::uint32_t deflate = 1, shuffle = 2, fletcher32 = 3, bzip2 = 307, lzf = 32000, blosc = 32001,
                               lz4 = 32004, bitshuffle = 32008, jpegls = 32012, zfp = 32013, zstd = 32015,
                               fcidecomp = 32018, blosc2 = 32026;
}

// Whether this build has a decoder of the filter, whatever its parameters are.
bool isDecoded(std::uint32_t filterId);

// Whether every filter in the pipeline has a decoder here.
bool canDecode(std::span<const Filter> filters);

// Undoes the pipeline, last filter first, skipping those whose bit is set in `filterMask`.  The result has exactly
// `chunkBytes` bytes: like libhdf5, a chunk that decodes to less is taken, and zeros stand for the rest.  One that
// decodes to more is a FileError.
Bytes decode(std::span<const Filter> filters, std::uint32_t filterMask, std::span<const std::byte> stored,
             std::size_t chunkBytes, std::size_t elementBytes);

// The most bytes that a chunk of so many may have where it is stored, incompressible data included.
std::size_t mostStoredBytes(std::span<const Filter> filters, std::size_t chunkBytes);

// The most bytes that `decode` holds at once, with its result, and without what is stored.
std::size_t decodingBytes(std::span<const Filter> filters, std::uint32_t filterMask, std::size_t chunkBytes);

// Undoes one stage whose result has an unknown size, of at most `maxBytes`.  FileError.
Bytes decodeStage(const Filter& stage, std::span<const std::byte> stored, std::size_t maxBytes);

}  // namespace h5cap::codec
