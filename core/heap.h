// Heaps of variable-length data: one is made here, from others or piece by piece.
//
// What elements reach of another heap is copied piece by piece, and each piece once: elements that share data go on
// sharing it, and what nobody reaches stays behind.  The other heap is never written, nor is a place in it ever
// changed where it stands: each copy has its places set once, to where the copies of what they led to are.  So it
// makes no difference whether the same bytes are reached by several places, by some that overlap in parts, or as two
// types.  (Moving a heap as a whole and adding to its places would have to find each of them exactly once: where
// pieces overlap, a place would be moved twice, or a number taken for one.)
//
// Two kinds of pieces.  *Plain* data has no places within: it is bytes, of whatever type, and all that is reached of
// it is copied as stretches, which places may overlap in any way.  *Nested* data has places within, and a piece of it
// is known by offset, count and type: the same by another count or type is a piece of its own, with its own copy.
//
// Nothing multiplies.  All pieces together are never larger than the heap that they are from, unless nested ones
// overlap in parts or are reached as two types: no writer makes such a heap, and it is refused once there is no room
// for what it tells.  What is looked at is elements, and each piece once, so work and memory are linear in elements
// and heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "h5cap/data-type.h"
#include "h5cap/node.h"
#include "h5cap/place.h"
#include "h5cap/shape.h"

namespace h5cap {

// Packed elements, and the heap that their places lead into.
struct PackedData {
  Bytes elements;
  Bytes heap;
};

// What a place leads to: see placeData.
std::span<const std::byte> dataOf(HeapPlace place, std::uint64_t baseBytes, std::span<const std::byte> heap);

// Whether all places in `elements`, and in what they lead to, are within the heap, and do not overlap: for what is
// passed on as it is.  Throws FileError (fileProblem).  Costs about half of what Heap::append does.
void checkPlaces(const DataType& type, std::span<const std::byte> elements, std::span<const std::byte> heap);
// That elements with all that their places lead to are of a size that can be shown: nested data that shares pieces,
// which no writer makes, grows with each level of nesting when whoever reads it unfolds it, from a few bytes to more
// than any memory has.  FileError: tooLarge, and fileProblem for a place outside of the heap.  Linear in elements and
// heap.
void checkUnfolded(const DataType& type, std::span<const std::byte> elements, std::span<const std::byte> heap);

class Heap {
 public:
  Heap() = default;  // as large as it gets

  // Never grows beyond `maxBytes`, nor takes memory for it: what would is refused with FileError (tooLarge), and the
  // heap stays as it is.
  explicit Heap(std::uint64_t maxBytes) : maxBytes_(maxBytes) {}

  // Appends what places in whole packed elements of `type` lead to in `source`, at any depth, and has them lead to it
  // here.  `source` is of somebody else.  Throws FileError (fileProblem) for a place outside of `source` and for pieces
  // that overlap as said above, (tooLarge); elements and heap are then unchanged.
  void append(const DataType& type, std::span<std::byte> elements, std::span<const std::byte> source);

  // Appends `count` base elements without places, or with such as lead to this heap.
  HeapPlace add(std::span<const std::byte> data, std::uint64_t count);

  // Appends zeros for `count` base elements; `data` is where to write them, until the heap grows again.
  HeapPlace reserve(std::uint64_t count, std::uint64_t baseBytes);
  std::byte* data(HeapPlace place) { return bytes_.data() + place.offset; }

  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::exchange(bytes_, {}); }

 private:
  void makeRoom(std::uint64_t bytes);

  std::uint64_t maxBytes_ = unlimited;
  Bytes bytes_;
};

}  // namespace h5cap
