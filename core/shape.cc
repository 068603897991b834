#include "h5cap/shape.h"

#include "core/checked-size.h"

namespace h5cap {

std::uint64_t elementCount(const Shape& shape) {
  return productOf(shape).orRaise("a shape of more than 2^64 elements");
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
