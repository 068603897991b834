// Regions that cover single elements, for readers that know regions only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/plan/wanted.h"

namespace h5cap {

struct CoveredElements {
  Region region;                      // ascending along every axis
  std::vector<std::uint64_t> places;  // of each element, in C order of the region
};

// Takes elements one after the other, as long as the region that holds them all has hardly more than twice as many
// elements.  `coordinates` are those of one after the other, of `rank` axes, at least one element.
CoveredElements coverElements(std::span<const std::uint64_t> coordinates, std::size_t rank);

// All of them, one covering after the other; a region is its own, without places.
std::vector<CoveredElements> covering(const Wanted& wanted);

}  // namespace h5cap
