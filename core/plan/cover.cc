#include "core/plan/cover.h"

#include <algorithm>
#include <set>

#include "core/checked-size.h"
#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::uint64_t SLACK = 8;  // elements

}  // namespace

CoveredElements coverElements(std::span<const std::uint64_t> coordinates, std::size_t rank) {
  if (rank == 0 || coordinates.size() < rank) throw Failed("covering no elements");
  std::vector<std::set<std::uint64_t>> axes(rank);
  std::size_t count = 0;
  for (; (count + 1) * rank <= coordinates.size(); ++count) {
    auto point = coordinates.subspan(count * rank, rank);
    CheckedSize cover = 1;
    for (std::size_t k = 0; k < rank; ++k) cover *= axes[k].size() + (axes[k].count(point[k]) == 0);
    if (count > 0 && !cover.isAtMost(2 * (count + 1) + SLACK)) break;
    for (std::size_t k = 0; k < rank; ++k) axes[k].insert(point[k]);
  }
  CoveredElements result;
  std::vector<std::vector<std::uint64_t>> lists;
  for (auto& axis : axes) {
    lists.emplace_back(axis.begin(), axis.end());
    RegionAxis positions;
    positions.indices = lists.back();
    result.region.axes.push_back(normalised(std::move(positions)));
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t place = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      auto at = std::lower_bound(lists[k].begin(), lists[k].end(), coordinates[i * rank + k]) - lists[k].begin();
      place = place * lists[k].size() + static_cast<std::uint64_t>(at);
    }
    result.places.push_back(place);
  }
  return result;
}

std::vector<CoveredElements> covering(const Wanted& wanted) {
  if (auto* region = std::get_if<Region>(&wanted)) return {CoveredElements{*region, {}}};
  const auto& points = std::get<PointList>(wanted);
  std::vector<CoveredElements> regions;
  for (std::uint64_t done = 0; done < points.count(); done += regions.back().places.size())
    regions.push_back(coverElements(std::span(points.coordinates).subspan(done * points.rank), points.rank));
  return regions;
}

}  // namespace h5cap
