#include "core/plan/origin.h"

#include "h5cap/error.h"

namespace h5cap {

ElementOrigin originOf(const ArrayPlan& array) {
  if (elementCount(array.counts) != 1) throw Failed("the origin of other than one element");
  ElementOrigin origin{nullptr, &array, false};
  // Of several pieces the last one counts.
  for (auto piece = array.pieces.rbegin(); piece != array.pieces.rend(); ++piece) {
    if (piece->count == 0) continue;
    if (piece->convertedFrom) origin.isConverted = true;
    const auto* other = std::get_if<FromArray>(&piece->from);
    if (other == nullptr) {
      origin.piece = &*piece;
      return origin;
    }
    ElementOrigin within = originOf(*other->array);
    within.isConverted = within.isConverted || origin.isConverted;
    return within;
  }
  return origin;
}

std::vector<std::uint64_t> coordinatesOf(const Wanted& wanted) {
  if (countOf(wanted) != 1) throw Failed("the coordinates of other than one element");
  if (auto* points = std::get_if<PointList>(&wanted)) return points->coordinates;
  std::vector<std::uint64_t> coordinates;
  for (const RegionAxis& axis : std::get<Region>(wanted).axes) coordinates.push_back(axis.at(0));
  return coordinates;
}

std::uint64_t numberOf(const std::vector<std::uint64_t>& coordinates, const Shape& shape) {
  if (coordinates.size() != shape.size()) throw Failed("coordinates of another rank");
  std::uint64_t number = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (coordinates[axis] >= shape[axis]) throw Failed("an element outside of its array");
    number = number * shape[axis] + coordinates[axis];
  }
  return number;
}

}  // namespace h5cap
