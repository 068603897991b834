#include "core/plan/meeting.h"

#include <algorithm>
#include <utility>

#include "core/pack.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::uint64_t MAX_STEPS = 1u << 26;  // along one axis, where there is no arithmetic

// A mapping without gaps and a region that ascends: arithmetic, however long they are.
Meeting meetDense(const Positions& region, std::uint64_t start, std::uint64_t count) {
  auto begin = lowerBound(region, start);
  auto end = count > unlimited - start ? region.count : lowerBound(region, start + count, begin);
  auto inMapping = subset(region, begin, end - begin);
  inMapping.dropped = false;
  inMapping.start -= inMapping.indices.empty() && inMapping.count > 0 ? start : 0;
  for (auto& index : inMapping.indices) index -= start;
  return {regular(begin, 1, end - begin), std::move(inMapping)};
}

}  // namespace

Meeting meet(const Positions& region, const SlabAxis& axis) {
  auto ascends = isAscending(region);
  if (axis.isDense() && ascends) return meetDense(region, axis.start, axis.count);
  if (std::min(axis.count, region.count) > MAX_STEPS) {
    throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
  }
  Meeting meeting;
  auto add = [&](std::uint64_t inRegion, std::uint64_t inMapping) {
    meeting.inRegion.indices.push_back(inRegion);
    meeting.inMapping.indices.push_back(inMapping);
  };
  if (region.indices.empty() && axis.count < region.count) {
    for (std::uint64_t i = 0; i < axis.count; ++i) {
      auto coordinate = axis.at(i);
      auto j = lowerBound(region, coordinate);
      if (j < region.count && region.at(j) == coordinate) add(j, i);
    }
  } else {
    // Where the region steps over the mapping as a whole there is nothing to look for.
    auto from = ascends ? lowerBound(region, axis.start) : 0;
    for (auto j = from; j < region.count; ++j) {
      auto coordinate = region.at(j);
      if (coordinate > axis.last() && ascends) break;
      if (auto i = axis.find(coordinate)) add(j, *i);
    }
  }
  meeting.inRegion = normalised(std::move(meeting.inRegion));
  meeting.inMapping = normalised(std::move(meeting.inMapping));
  return meeting;
}

Positions coordinates(const SlabAxis& axis, const Positions& numbers) {
  if (numbers.indices.empty() && axis.isDense())
    return regular(axis.start + numbers.start, numbers.step, numbers.count);
  if (numbers.indices.empty() && axis.block == 1) {
    return regular(axis.at(numbers.start), numbers.count > 1 ? numbers.step * axis.stride : 1, numbers.count);
  }
  Positions result;
  result.indices.reserve(numbers.count);
  for (std::uint64_t i = 0; i < numbers.count; ++i) result.indices.push_back(axis.at(numbers.at(i)));
  result.count = numbers.count;
  return normalised(std::move(result));
}

}  // namespace h5cap
