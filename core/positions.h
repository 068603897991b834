// Arithmetic on positions along one axis.
#pragma once

#include <cstdint>

#include "h5cap/selection.h"

namespace h5cap {

// Positions along one axis: `count` of them from `start` every `step`, or a list.  (RegionAxis without its meaning of
// "dropped".)
using Positions = RegionAxis;

// Positions `first` to `first + count - 1` of `positions`, which has them.  Keeps `dropped`.
Positions subset(const Positions& positions, std::uint64_t first, std::uint64_t count);

// The same positions in their simplest form, in which equal positions compare equal: ascending lists with a constant
// step become start and step; the step of at most one position is 1, and no position at all starts at 0.
Positions normalised(Positions positions);

inline Positions regular(std::uint64_t start, std::uint64_t step, std::uint64_t count) {
  return normalised(Positions{start, step, count, {}, false});
}

// Whether all positions lie below `extent`, also when their arithmetic would overflow.
bool allBelow(const Positions& positions, std::uint64_t extent);

// Whether positions never go down.
bool isAscending(const Positions& positions);

// The first `i` in [from, positions.count] with positions.at(i) >= value; positions must be ascending.
std::uint64_t lowerBound(const Positions& positions, std::uint64_t value, std::uint64_t from = 0);

// As axes are written on the wire and in Python.  Throws FileError (tooLarge) from 2^63 - 1 on.
std::int64_t signedIndex(std::uint64_t index);

// The lowest and highest position; positions.count > 0.
struct Bounds {
  std::uint64_t lowest;
  std::uint64_t highest;
};
Bounds bounds(const Positions& positions);

}  // namespace h5cap
