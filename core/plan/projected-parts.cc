#include "core/plan/projected-parts.h"

#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::size_t MAX_PARTS = 65'536;

}  // namespace

void mappedOutside() { throw FileError("a virtual dataset's mapping reaches outside of its source"); }

void ProjectedParts::add(Region region, Placement place) {
  for (std::size_t k = 0; k < source_.size(); ++k) {
    if (!allBelow(region.axes[k], source_[k])) mappedOutside();
  }
  if (parts_.size() == MAX_PARTS) {
    throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
  }
  parts_.push_back({std::move(region), std::move(place)});
}

}  // namespace h5cap
