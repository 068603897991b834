#include "core/plan/cut.h"

#include <algorithm>

#include "core/pack.h"

namespace h5cap {
namespace {

// They are sorted, and their coordinates take memory of their own.
constexpr std::uint64_t maxCoordinates = 262'144;

}  // namespace

Cut cutFrom(const Resolved& selection, std::uint64_t first, std::uint64_t most) {
  const auto rank = selection.datasetShape().size();
  if (selection.isOrthogonal() || rank == 0) {
    Run run = runFrom(*selection.region(), first, most);
    return {run.first, run.count, std::move(run.part)};
  }
  const auto count = std::min({std::max<std::uint64_t>(most, 1), maxCoordinates / rank,
                               selection.elementCount() - first});
  return {first, count, PointList{selection.coordinates(first, count), rank}};
}

}  // namespace h5cap
