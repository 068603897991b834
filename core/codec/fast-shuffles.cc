#include "core/codec/fast-shuffles.h"

#ifdef H5CAP_HAS_BLOSC2
#include <blosc2.h>

#include <limits>
#endif

namespace h5cap::codec::fast {

#ifdef H5CAP_HAS_BLOSC2

namespace {

constexpr std::size_t MAX_ELEMENT_BYTES = 255, MAX_BYTES = std::numeric_limits<std::int32_t>::max();

bool fits(std::size_t elementBytes, std::size_t bytes) {
  return elementBytes > 0 && elementBytes <= MAX_ELEMENT_BYTES && bytes <= MAX_BYTES;
}

}  // namespace

bool unshuffle(Input stored, std::span<std::byte> target, std::size_t elementBytes) {
  if (!fits(elementBytes, stored.size())) return false;
  blosc2_unshuffle(static_cast<std::int32_t>(elementBytes), static_cast<std::int32_t>(stored.size()), stored.data(),
                   target.data());
  return true;
}

bool unshuffleBits(const std::byte* source, std::byte* target, std::size_t elementCount, std::size_t elementBytes) {
  const std::size_t bytes = elementCount * elementBytes;
  if (!fits(elementBytes, bytes)) return false;
  return blosc2_bitunshuffle(static_cast<std::int32_t>(elementBytes), static_cast<std::int32_t>(bytes), source,
                             target) >= 0;
}

#else

bool unshuffle(Input, std::span<std::byte>, std::size_t) { return false; }
bool unshuffleBits(const std::byte*, std::byte*, std::size_t, std::size_t) { return false; }

#endif

}  // namespace h5cap::codec::fast
