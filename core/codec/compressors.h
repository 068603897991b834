// The compressors that several filters share, each from one buffer into another.  Internal to core/codec.
//
// All give the number of bytes that they wrote, never more than `target` has, or nothing for data that they cannot
// have made.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace h5cap::codec {

std::optional<std::size_t> decompressZlib(std::span<const std::byte> stored, std::span<std::byte> target);

// The dictionary, of Blosc2, may be empty.
std::optional<std::size_t> decompressLz4(std::span<const std::byte> stored, std::span<std::byte> target,
                                         std::span<const std::byte> dictionary = {});
std::optional<std::size_t> decompressZstd(std::span<const std::byte> stored, std::span<std::byte> target,
                                          std::span<const std::byte> dictionary = {});

// The compressor that Blosc has of its own.
std::optional<std::size_t> decompressBloscLz(std::span<const std::byte> stored, std::span<std::byte> target);

}  // namespace h5cap::codec
