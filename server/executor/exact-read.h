// Bytes of a file: all that were asked for, or an error.  Blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace h5cap {

// pread that fails with FileError on a short read or an I/O error, naming offset and count.
void readExactly(int file, std::uint64_t offset, std::span<std::byte> target);

}  // namespace h5cap
