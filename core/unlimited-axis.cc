#include "core/unlimited-axis.h"

#include <algorithm>

#include "core/checked-size.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

[[noreturn]] void malformed() { throw FileError("a virtual dataset's mapping is malformed"); }

// Blocks that follow each other without a gap are one.
bool hasNoGaps(const Hyperslab::Dimension& axis) { return axis.block == unlimited || axis.block == axis.stride; }

std::uint64_t end(const Hyperslab::Dimension& axis, std::uint64_t blocksBefore, std::uint64_t positions) {
  const auto end = CheckedSize(blocksBefore) * axis.stride + axis.start + positions;
  if (!end.isAtMost(unlimited - 1)) malformed();
  return *end.fits();
}

}  // namespace

std::optional<std::size_t> unlimitedAxis(const Hyperslab& slab) {
  std::optional<std::size_t> found;
  if (slab.kind != Hyperslab::Kind::regular) return found;
  for (std::size_t k = 0; k < slab.dimensions.size(); ++k) {
    const auto& axis = slab.dimensions[k];
    if (!isUnlimited(axis)) continue;
    const bool isOne = axis.block == unlimited ? axis.count == 1 : axis.block > 0 && axis.stride >= axis.block;
    if (found || !isOne) malformed();
    found = k;
  }
  return found;
}

std::uint64_t positionsWithin(const Hyperslab::Dimension& axis, std::uint64_t extent) {
  if (axis.start >= extent) return 0;
  auto length = extent - axis.start;
  if (hasNoGaps(axis)) return length;
  return length / axis.stride * axis.block + std::min(length % axis.stride, axis.block);
}

std::uint64_t positionsMeasured(const Hyperslab::Dimension& axis, std::uint64_t extent) {
  auto within = positionsWithin(axis, extent);
  return within == 0 || hasNoGaps(axis) ? within : std::max(within, axis.block);
}

std::uint64_t extentHolding(const Hyperslab::Dimension& axis, std::uint64_t positions) {
  if (positions == 0) return 0;
  if (hasNoGaps(axis)) return end(axis, 0, positions);
  auto blocks = (positions - 1) / axis.block;
  return end(axis, blocks, positions - blocks * axis.block);
}

Hyperslab::Dimension blockOf(const Hyperslab::Dimension& axis, std::uint64_t block) {
  if (axis.count != unlimited || axis.block == unlimited) malformed();
  return {end(axis, block, axis.block) - axis.block, axis.block, 1, axis.block};
}

void growToHold(Shape& extent, const Hyperslab& slab) {
  const std::size_t rank = extent.size();
  if (slab.kind == Hyperslab::Kind::regular && slab.dimensions.size() == rank) {
    for (std::size_t k = 0; k < rank; ++k) {
      const auto& axis = slab.dimensions[k];
      if (isUnlimited(axis) || axis.count == 0 || axis.block == 0) continue;
      extent[k] = std::max(extent[k], end(axis, axis.count - 1, axis.block));
    }
  }
  if (slab.kind != Hyperslab::Kind::boxes || rank == 0 || slab.boxes.size() % (2 * rank) != 0) return;
  for (std::size_t box = 0; box < slab.boxes.size(); box += 2 * rank) {
    for (std::size_t k = 0; k < rank; ++k) {
      const auto last = slab.boxes[box + rank + k];
      if (last == unlimited) malformed();
      extent[k] = std::max(extent[k], last + 1);
    }
  }
}

}  // namespace h5cap
