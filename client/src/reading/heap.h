// Places of variable-length data in packed elements, and the heaps that they point into.  Replies come from a server
// that may be hostile: nothing here believes an offset or a count.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "h5cap/node.h"

namespace h5cap::detail {

struct Place {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;

  auto operator<=>(const Place&) const = default;
};

Place readPlace(const std::byte* at);

// Bytes of the heap that a place of `count` base elements of `size` bytes names.  Throws FileError (fileProblem) when
// they are not all there.
std::span<const std::byte> resolvePlace(Place place, std::uint64_t size, std::span<const std::byte> heap);

// Appends `heap` to `target`, and adds what that moved it by to every place in `elements`, nested places in the heap
// included.  Throws FileError (fileProblem) for places outside `heap`.
void appendHeap(const DataType& type, std::span<std::byte> elements, std::span<const std::byte> heap, Bytes& target);

}  // namespace h5cap::detail
