// Reading scattered elements of an array that lies in one piece in a file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/pack.h"
#include "server/executor/file-reader.h"

namespace h5cap {

// An array in a file: `shape` in C order from byte `address`.
struct StoredArray {
  const FileReader* file = nullptr;
  std::uint64_t address = 0;
  std::uint64_t storedBytes = 0;           // fewer than the shape takes: the rest reads as fill
  std::span<const std::byte> fillElement;  // its size is the size of an element
  const Shape* shape = nullptr;
};

// Copies elements `source` of the array to places `target` of `result`, a packed array of shape `targetShape`; counts
// agree axis by axis.  Runs that are dense on both sides are read straight into the result; others in spans with small
// gaps, through at most MAX_SCRATCH_BYTES of scratch memory.  Throws FileError for what lies beyond the file, Failed
// when positions lie outside their shapes.
void readStrided(const StoredArray& array, const std::vector<Positions>& source, std::span<std::byte> result,
                 const Shape& targetShape, const std::vector<Positions>& target);

inline constexpr std::size_t MAX_SCRATCH_BYTES = 4u << 20;

}  // namespace h5cap
