// Where the one element of a plan is from, for reading it in parts: decision 12.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/read-plan.h"

namespace h5cap {

struct ElementOrigin {
  const Piece* piece = nullptr;      // of a dataset, never of an array; null where it is fill
  const ArrayPlan* array = nullptr;  // that it is a piece of, or whose fill it is
  bool isConverted = false;          // its bytes are known only when all of them are made
};

// Throws Failed for an array of any other number of elements.  Lives as long as the plan.
ElementOrigin originOf(const ArrayPlan& array);

// Of the one element that is wanted.  Throws Failed for any other number.
std::vector<std::uint64_t> coordinatesOf(const Wanted& wanted);

// Its number in C order of a shape that has it.
std::uint64_t numberOf(const std::vector<std::uint64_t>& coordinates, const Shape& shape);

}  // namespace h5cap
