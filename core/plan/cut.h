// What one reply carries of a selection.
#pragma once

#include <cstdint>

#include "core/plan/wanted.h"

namespace h5cap {

struct Cut {
  std::uint64_t first = 0, count = 0;  // elements of the selection in C order
  Wanted wanted;
};

// Elements from number `first` on, at most `most` of them and at least one: a box of a region, or single elements, of
// which there are at most 262,144.  The selection has that element.
Cut cutFrom(const Resolved& selection, std::uint64_t first, std::uint64_t most);

}  // namespace h5cap
