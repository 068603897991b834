// What a selection means in the extents of a dataset that are known here; the dataset may have others by now.
#pragma once

#include <memory>

#include "client/src/open/node-state.h"
#include "h5cap/selection.h"

namespace h5cap::detail {

// Whether the selection means the same in every version of a dataset: it counts nothing from the end, and what it
// leaves open cannot grow.
bool isFixed(const Selection& selection, const Dataspace& space);

// The same elements, by their numbers from the beginning of each axis: nothing counted from the end, nothing left open.
// Masks along axes stay as they are.  Throws BadSelection as `resolve` does.
Selection fixedTo(const Shape& shape, const Selection& selection);

// `fixedTo` the shape that is known of a dataset; as it is where none is known, and for single elements.
Selection fixedToKnown(NodeState& node, const Selection& selection);

// A mask fits an axis as it is known here; one that grows may be longer by now, so it goes as a list.
Selection withoutGrowingMasks(const Selection& selection, const Dataspace& space);

// Masks along axes as lists.
Selection withoutMasks(const Selection& selection);

// The selection as it travels: without an ellipsis.  One that stands last says nothing; any other needs the rank, and
// waits for it.
Selection withoutEllipsis(NodeState& node, const Selection& selection);

}  // namespace h5cap::detail
