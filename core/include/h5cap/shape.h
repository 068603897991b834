// Shapes: extents along the axes of a dataset, an attribute or a region, slowest axis first.
#pragma once

#include <cstdint>
#include <vector>

namespace h5cap {

using Shape = std::vector<std::uint64_t>;

// An extent without limit, in maximal shapes and in stored hyperslabs.
inline constexpr std::uint64_t unlimited = ~std::uint64_t{0};

// How many elements a shape holds: 1 for a scalar.  Throws FileError (tooLarge) when the product overflows.
std::uint64_t elementCount(const Shape& shape);

// Row-major strides, counted in elements.
Shape strides(const Shape& shape);

}  // namespace h5cap
