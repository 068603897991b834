// Which mappings of a virtual dataset a region may meet, by their bounding boxes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/positions.h"
#include "h5cap/node.h"

namespace h5cap {

// Whether the bounding boxes meet: cheap, and needs no source.
bool mayMeet(const VirtualSource& mapping, const Region& region);

// Finds mappings by where their bounding boxes begin and end along the first axis, for when there are many.  A value
// that knows nothing of the mappings themselves.
class MappingIndex {
 public:
  explicit MappingIndex(const std::vector<VirtualSource>& mappings);

  // Numbers of mappings, ascending: all whose boxes meet `region` along its first axis.
  std::vector<std::size_t> near(const Region& region) const;

  // Bytes of memory, its own included.
  std::uint64_t footprint() const {
    return sizeof *this + entries_.capacity() * sizeof(Entry) + lastSoFar_.capacity() * sizeof(std::uint64_t);
  }

 private:
  struct Entry {
    std::uint64_t first, last;
    std::size_t mapping;
  };
  std::vector<Entry> entries_;              // by `first`
  std::vector<std::uint64_t> lastSoFar_;    // the highest `last` up to each entry
};

}  // namespace h5cap
