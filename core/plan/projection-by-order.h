// Mappings whose two selections share nothing but the order of their elements.
#pragma once

#include <vector>

#include "core/ordered-selection.h"
#include "core/plan/projected-parts.h"

namespace h5cap {

// As `project`, which chooses this: regions of the source, and single elements where these would be many.
std::vector<ProjectedPart> projectByOrder(const OrderedSelection& target, const OrderedSelection& source,
                                          const Shape& sourceShape, const Region& region);

}  // namespace h5cap
