#include "core/positions.h"

#include <algorithm>

#include "core/checked-size.h"

namespace h5cap {

Positions subset(const Positions& positions, std::uint64_t first, std::uint64_t count) {
  Positions result;
  result.dropped = positions.dropped;
  result.count = count;
  if (count == 0) return result;
  if (positions.indices.empty()) {
    result.start = positions.start + first * positions.step;
    result.step = count > 1 ? positions.step : 1;
    return result;
  }
  auto begin = positions.indices.begin() + static_cast<std::ptrdiff_t>(first);
  result.indices.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  return normalised(std::move(result));
}

Positions normalised(Positions positions) {
  auto& list = positions.indices;
  if (!list.empty()) {
    positions.count = list.size();
    bool isRegular = list.size() == 1 || list[1] > list[0];
    for (std::size_t i = 2; isRegular && i < list.size(); ++i) {
      isRegular = list[i] > list[i - 1] && list[i] - list[i - 1] == list[1] - list[0];
    }
    if (!isRegular) {
      positions.start = 0;
      positions.step = 1;
      return positions;
    }
    positions.start = list[0];
    positions.step = list.size() > 1 ? list[1] - list[0] : 1;
    list.clear();
    list.shrink_to_fit();
  }
  if (positions.count <= 1) positions.step = 1;
  if (positions.count == 0) positions.start = 0;
  return positions;
}

bool allBelow(const Positions& positions, std::uint64_t extent) {
  if (!positions.indices.empty()) {
    return positions.count == positions.indices.size() &&
           std::all_of(positions.indices.begin(), positions.indices.end(), [&](auto i) { return i < extent; });
  }
  if (positions.count == 0) return true;
  return extent > 0 && lastPosition(positions.start, positions.step, positions.count).isAtMost(extent - 1);
}

bool isAscending(const Positions& positions) {
  return std::is_sorted(positions.indices.begin(), positions.indices.end());
}

std::uint64_t lowerBound(const Positions& positions, std::uint64_t value, std::uint64_t from) {
  if (!positions.indices.empty()) {
    auto begin = positions.indices.begin();
    return static_cast<std::uint64_t>(
        std::lower_bound(begin + static_cast<std::ptrdiff_t>(from), positions.indices.end(), value) - begin);
  }
  if (value <= positions.start) return from;
  auto distance = value - positions.start;
  return std::clamp(divideUp(distance, positions.step), from, std::max(from, positions.count));
}

std::int64_t signedIndex(std::uint64_t index) {
  if (index >= static_cast<std::uint64_t>(Range::openEnd))
    throw FileError("index " + std::to_string(index) + " is beyond 2^63", ErrorCode::tooLarge);
  return static_cast<std::int64_t>(index);
}

Bounds bounds(const Positions& positions) {
  if (positions.indices.empty()) return {positions.start, positions.at(positions.count - 1)};
  auto [lowest, highest] = std::minmax_element(positions.indices.begin(), positions.indices.end());
  return {*lowest, *highest};
}

}  // namespace h5cap
