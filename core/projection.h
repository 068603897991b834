// Virtual datasets: which elements of a source stand where in a region of the virtual dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/pack.h"
#include "h5cap/node.h"

namespace h5cap {

struct ProjectedPart {
  Region source;                     // what to read from the source; counts() as below
  std::vector<Positions> inRegion;   // where it goes in region.counts(); one entry an axis of the virtual dataset
  Shape counts;                      // of the part, along the axes of the virtual dataset (source axes of extent one may
                                     // differ; the element order is the same)
};

// Parts of `mapping` that meet `region`, given the source's shape.  The n-th element of the virtual selection is the n-th of
// the source selection, both in C order.  Usually none or one part; several when the two selections are not separable axis
// by axis.  Throws Unimplemented for unlimited and pattern mappings, FileError (fileProblem) for a mapping that reaches
// outside the source or whose two selections differ in size.
std::vector<ProjectedPart> project(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape,
                                   const Region& region);

// Whether the bounding boxes meet: cheap, and needs no source.
bool mayMeet(const VirtualSource& mapping, const Region& region);

// Finds mappings by where their bounding boxes begin and end along the first axis, for when there are many.  A value that
// knows nothing of the mappings themselves.
class MappingIndex {
 public:
  explicit MappingIndex(const std::vector<VirtualSource>& mappings);

  // Numbers of mappings, ascending: all whose boxes meet `region` along its first axis.
  std::vector<std::size_t> near(const Region& region) const;

 private:
  struct Entry {
    std::uint64_t first, last;
    std::size_t mapping;
  };
  std::vector<Entry> entries_;              // by `first`
  std::vector<std::uint64_t> lastSoFar_;    // the highest `last` up to each entry
};

}  // namespace h5cap
