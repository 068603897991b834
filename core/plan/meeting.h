// Where a region and one axis of a virtual dataset's mapping meet.
#pragma once

#include "core/ordered-selection.h"
#include "core/positions.h"

namespace h5cap {

// Which positions of a region's axis meet which elements of a mapping's axis; the two have the same count.
struct Meeting {
  Positions inRegion;
  Positions inMapping;  // element numbers along the axis, not coordinates
};

// Arithmetic where the mapping has no gaps and the region ascends.  Otherwise as many steps as the region has positions
// along the axis, or the mapping where that is less: FileError (tooLarge) from 2^26 on.
Meeting meet(const Positions& region, const SlabAxis& axis);

// The coordinates that element numbers along an axis stand for.
Positions coordinates(const SlabAxis& axis, const Positions& numbers);

}  // namespace h5cap
