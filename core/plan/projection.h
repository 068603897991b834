// Virtual datasets: which elements of a source stand where in a region of the virtual dataset.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/projected-parts.h"
#include "h5cap/node.h"

namespace h5cap {

// Parts of `mapping` that meet `region`, given the source's shape.  The n-th element of the virtual selection is the
// n-th of the source selection, both in C order; where the mapping grows, as far as both shapes reach.  Usually none or
// one part; a few when the two selections are not separable axis by axis, and single elements where these would be
// many.  The mapping has one source: of a pattern it is that of a block.  Throws FileError (fileProblem) when the
// region asks for elements that the source, or its selection, does not have: mappings of whole sources outlive a change
// of the source's shape; (tooLarge) when it takes too many parts or elements at once.
std::vector<ProjectedPart> project(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape,
                                   const Region& region);

// One block of a mapping whose source is named by a pattern, as a mapping of its own.  FileError (fileProblem) when it
// has no blocks.
VirtualSource blockOf(const VirtualSource& pattern, std::uint64_t block);

// Numbers of the first block of a pattern that `region` meets and of the one behind the last.
struct BlockRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};
BlockRange blocksNear(const VirtualSource& pattern, const Region& region);

// How many of a pattern's blocks begin within the shape of the virtual dataset.
std::uint64_t blocksWithin(const VirtualSource& pattern, const Shape& virtualShape);

}  // namespace h5cap
