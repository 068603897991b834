// Moving elements between arrays that hold different parts of one dataset: chunks, tiles, sources, results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/positions.h"
#include "h5cap/selection.h"
#include "h5cap/shape.h"

namespace h5cap {

// Copies element (source[0].at(i), source[1].at(j), …) of an array of shape `sourceShape` to (target[0].at(i),
// target[1].at(j), …) of one of shape `targetShape`.  Both arrays are packed, C order, `elementBytes` each; all four
// ranks agree and so do the counts, axis by axis.  Runs that are contiguous on both sides are moved at once.  Positions
// are checked against the shapes once; throws Failed when they lie outside or a span is too small.
void copyElements(std::span<const std::byte> sourceBytes, const Shape& sourceShape,
                  const std::vector<Positions>& source, std::span<std::byte> targetBytes, const Shape& targetShape,
                  const std::vector<Positions>& target, std::size_t elementBytes);

// Writes `element` to every element of `target`.
void fillElements(std::span<const std::byte> element, std::span<std::byte> target);

// The part of a region that one reply carries: a box that is also a contiguous run in the C order of the region.
struct Run {
  Region part;                // of the same rank; a box of the region's positions, resolved to dataset indices
  std::uint64_t first = 0;    // its first element, in the C order of the whole region
  std::uint64_t count = 0;
};

// The largest such run that starts at element `first` and holds at most `maxElements` (at least one).
// first < region.elementCount().
Run runFrom(const Region& region, std::uint64_t first, std::uint64_t maxElements);

}  // namespace h5cap
