// Axes of stored hyperslabs that grow: an unlimited count of blocks, or one block of unlimited length.
//
// The arithmetic is libhdf5's (H5S_hyper_get_clip_extent_match), which decides how far a virtual dataset reaches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "h5cap/node.h"

namespace h5cap {

inline bool isUnlimited(const Hyperslab::Dimension& axis) { return axis.count == unlimited || axis.block == unlimited; }

// The axis that grows; nothing when none does.  FileError (fileProblem) when several do, or when its blocks overlap:
// HDF5 writes no such thing.
std::optional<std::size_t> unlimitedAxis(const Hyperslab& slab);

// How many positions of an axis that grows lie within an extent.
std::uint64_t positionsWithin(const Hyperslab::Dimension& axis, std::uint64_t extent);

// The same as libhdf5 counts them when it measures a virtual dataset: a first block that is cut counts as whole.
std::uint64_t positionsMeasured(const Hyperslab::Dimension& axis, std::uint64_t extent);

// The smallest extent that holds `positions` of an axis that grows.  FileError (fileProblem) beyond 2^64.
std::uint64_t extentHolding(const Hyperslab::Dimension& axis, std::uint64_t positions);

// One block of an axis with an unlimited count, as an axis that does not grow.  FileError (fileProblem) beyond 2^64.
Hyperslab::Dimension blockOf(const Hyperslab::Dimension& axis, std::uint64_t block);

// Grows `extent` to where the slab ends, along axes that do not grow; a slab of another rank leaves it as it is.
// FileError (fileProblem) beyond 2^64.
void growToHold(Shape& extent, const Hyperslab& slab);

}  // namespace h5cap
