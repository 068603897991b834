// Plans made of other plans: virtual datasets of their sources, single elements of regions that cover them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/plan/mapping-index.h"
#include "core/plan/projection.h"
#include "core/plan/read-plan.h"

namespace h5cap {

// How many blocks are there of series, by the numbers of their mappings.
using BlockCounts = std::map<std::size_t, std::uint64_t>;

// The mappings of a virtual dataset that may meet a region, in their order, each with one source: names are no
// patterns.  `blocks`: of series whose end is known; null where they have what the shape holds.  FileError (tooLarge)
// when they are more than 65536.
std::vector<VirtualSource> mappingsMeeting(const std::vector<VirtualSource>& mappings, const MappingIndex& index,
                                           const Shape& virtualShape, const BlockCounts* blocks, const Region& region);

// Adds a piece: all elements of `source`, converted where its type is another one.  BadType and Unimplemented as
// convertSource, before anything is read.
void addArray(ArrayPlan& plan, std::shared_ptr<const ArrayPlan> source, Placement place);

// Adds elements from number `first` on: those of `region` that `places` say, or all of them in their order when it is
// empty.  Returns how many they are.
std::uint64_t addCovered(ArrayPlan& plan, std::shared_ptr<const ArrayPlan> region, std::vector<std::uint64_t> places,
                         std::uint64_t first);

}  // namespace h5cap
