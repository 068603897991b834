// Which elements of one dataset a plan is for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "h5cap/selection.h"
#include "h5cap/shape.h"

namespace h5cap {

// Single elements: coordinates, rank after rank, of at least one axis.
struct PointList {
  std::vector<std::uint64_t> coordinates;
  std::size_t rank = 1;
  std::uint64_t count() const { return coordinates.size() / rank; }
};

// In the order in which they are wanted: a region's in C order.
using Wanted = std::variant<Region, PointList>;

inline std::uint64_t countOf(const Wanted& wanted) {
  if (auto* points = std::get_if<PointList>(&wanted)) return points->count();
  return std::get<Region>(wanted).elementCount();
}

// What they are as an array: a region's counts, the number of points.
inline Shape countsOf(const Wanted& wanted) {
  if (auto* points = std::get_if<PointList>(&wanted)) return {points->count()};
  return std::get<Region>(wanted).counts();
}

}  // namespace h5cap
