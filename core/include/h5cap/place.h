// Places of variable-length data in packed elements (capnp/h5cap/types.capnp), and the data behind them.  The layout
// of a place is known here and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>

namespace h5cap {

constexpr std::size_t PLACE_BYTES = 16;

// `count` base elements from byte `offset` of a heap on.  Strings count bytes.
struct HeapPlace {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;

  friend bool operator==(HeapPlace a, HeapPlace b) { return a.offset == b.offset && a.count == b.count; }
  friend bool operator!=(HeapPlace a, HeapPlace b) { return !(a == b); }
  friend bool operator<(HeapPlace a, HeapPlace b) {
    return std::tie(a.offset, a.count) < std::tie(b.offset, b.count);
  }
};

// From and to PLACE_BYTES bytes anywhere in memory.  They are little-endian, as the machines that h5cap runs on
// (core/place.cc insists).
inline HeapPlace readPlace(const std::byte* at) {
  HeapPlace place;
  std::memcpy(&place.offset, at, sizeof place.offset);
  std::memcpy(&place.count, at + sizeof place.offset, sizeof place.count);
  return place;
}

// Of nothing, all zeros are written.
inline void writePlace(HeapPlace place, std::byte* at) {
  if (place.count == 0) place.offset = 0;
  std::memcpy(at, &place.offset, sizeof place.offset);
  std::memcpy(at + sizeof place.offset, &place.count, sizeof place.count);
}

// The first byte of what a place of base elements of `baseBytes` bytes leads to (strings: 1); all of them are within
// the heap.  Null when it leads to nothing.  Throws FileError (fileProblem) when they are not within the heap, or would
// have no bytes: places come from files and peers.
const std::byte* placeData(HeapPlace place, std::uint64_t baseBytes, const std::byte* heap, std::size_t heapBytes);

}  // namespace h5cap
