// Virtual datasets: which elements of a source stand where in a region of the virtual dataset.
#pragma once

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

}  // namespace h5cap
