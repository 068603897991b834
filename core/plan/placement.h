// Where the elements of a piece go in an array, and the moving of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/positions.h"
#include "h5cap/shape.h"

namespace h5cap {

// Elements of an array that follow each other in C order, by the number of the first one.
struct Stretch {
  std::uint64_t first = 0, count = 0;
  friend bool operator==(const Stretch& a, const Stretch& b) { return a.first == b.first && a.count == b.count; }
};

// The product of positions along each axis.
using AlongAxes = std::vector<Positions>;

// The piece's first element goes to the first place, and so on: of the product in C order, of stretches one after the
// other.
using Placement = std::variant<AlongAxes, std::vector<Stretch>>;

std::uint64_t countOf(const Placement& place);

// The one stretch that the place is in an array of this shape; nothing when it is several, or in another order.
std::optional<Stretch> asStretch(const Placement& place, const Shape& shape);

// Puts packed elements of `elementBytes` into their place in a packed array.  Throws Failed when the place lies outside
// of it, or the elements are another number.
void put(std::span<const std::byte> elements, const Placement& place, const Shape& shape, std::span<std::byte> array,
         std::size_t elementBytes);

// Elements of a packed array by their numbers in C order, one after the other.  Throws Failed for one outside of it.
void pick(std::span<const std::byte> array, std::span<const std::uint64_t> numbers, std::span<std::byte> elements,
          std::size_t elementBytes);

}  // namespace h5cap
