#include "core/checked-size.h"

#include <algorithm>

namespace h5cap {

namespace {

constexpr char TOO_MANY_BYTES[] = "the dataset has more bytes than can be counted";

}  // namespace

std::uint64_t packedBytes(std::span<const std::uint64_t> shape, std::uint64_t elementBytes) {
  return (productOf(shape) * elementBytes).orRaise(TOO_MANY_BYTES);
}

std::vector<std::uint64_t> stridesInBytes(std::span<const std::uint64_t> shape, std::uint64_t elementBytes) {
  std::vector<std::uint64_t> strides(shape.size());
  CheckedSize stride = elementBytes;
  for (std::size_t k = shape.size(); k-- > 0;) {
    strides[k] = stride.orRaise(TOO_MANY_BYTES);
    stride *= std::max<std::uint64_t>(shape[k], 1);
  }
  stride.orRaise(TOO_MANY_BYTES);
  return strides;
}

}  // namespace h5cap
