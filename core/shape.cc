#include "h5cap/shape.h"

#include <algorithm>

#include "h5cap/error.h"

namespace h5cap {

std::uint64_t elementCount(const Shape& shape) {
  // A zero makes the whole product zero, however large the other extents are.
  if (std::find(shape.begin(), shape.end(), 0u) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (auto extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count)) {
      throw FileError("a shape of more than 2^64 elements", ErrorCode::tooLarge);
    }
  }
  return count;
}

Shape strides(const Shape& shape) {
  Shape result(shape.size(), 0);
  if (elementCount(shape) == 0) return result;  // no element to step to
  std::uint64_t stride = 1;
  for (std::size_t k = shape.size(); k-- > 0;) {
    result[k] = stride;
    stride *= shape[k];
  }
  return result;
}

}  // namespace h5cap
