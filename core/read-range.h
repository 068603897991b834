// Reading from a file that others may be writing, on whatever file system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace h5cap {

// What the file has of the bytes from `offset` on, in as many calls as that takes: how many there were, fewer than
// `target` has only where the file ends.  Nothing when it cannot be read, with errno saying why.
std::optional<std::size_t> readRange(int descriptor, std::uint64_t offset, std::span<std::byte> target);

}  // namespace h5cap
