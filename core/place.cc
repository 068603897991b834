#include "h5cap/place.h"

#include <bit>

#include "h5cap/error.h"

namespace h5cap {

static_assert(std::endian::native == std::endian::little, "h5cap runs on little-endian machines");

const std::byte* placeData(HeapPlace place, std::uint64_t baseBytes, const std::byte* heap, std::size_t heapBytes) {
  if (place.count == 0) return nullptr;
  if (baseBytes == 0 || place.offset > heapBytes || place.count > (heapBytes - place.offset) / baseBytes) {
    throw FileError("variable-length data that lies outside of its heap");
  }
  return heap + place.offset;
}

}  // namespace h5cap
