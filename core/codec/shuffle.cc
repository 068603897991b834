// HDF5's shuffle: first bytes of all elements, then second bytes, …; what is left over stands at the end as it is.
#include "core/codec/fast-shuffles.h"

#include <algorithm>
#include <cstring>

#include "core/codec/stages.h"

namespace h5cap::codec {

namespace {

// Elements at a time: their bytes stay in the cache while each byte plane is gone through.
constexpr std::size_t BLOCK = 256;

template <std::size_t fixedBytes>
void interleave(const std::byte* source, std::byte* target, std::size_t elements, std::size_t anyBytes) {
  const std::size_t bytes = fixedBytes != 0 ? fixedBytes : anyBytes;
  for (std::size_t begin = 0; begin < elements; begin += BLOCK) {
    auto count = std::min(BLOCK, elements - begin);
    for (std::size_t plane = 0; plane < bytes; ++plane) {
      const auto* from = source + plane * elements + begin;
      auto* to = target + begin * bytes + plane;
      for (std::size_t i = 0; i < count; ++i) to[i * bytes] = from[i];
    }
  }
}

}  // namespace

void plain::unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes) {
  const auto elements = stored.size() / elementBytes;
  switch (elementBytes) {
    case 2:
      interleave<2>(stored.data(), target.data(), elements, 2);
      break;
    case 4:
      interleave<4>(stored.data(), target.data(), elements, 4);
      break;
    case 8:
      interleave<8>(stored.data(), target.data(), elements, 8);
      break;
    default:
      interleave<0>(stored.data(), target.data(), elements, elementBytes);
  }
  const auto rest = stored.subspan(elements * elementBytes);
  std::copy(rest.begin(), rest.end(), target.begin() + static_cast<std::ptrdiff_t>(stored.size() - rest.size()));
}

void unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes) {
  if (elementBytes <= 1 || stored.size() < elementBytes) {
    std::copy(stored.begin(), stored.end(), target.begin());
  } else if (!fast::unshuffle(stored, target, elementBytes)) {
    plain::unshuffle(stored, target, elementBytes);
  }
}

}  // namespace h5cap::codec
