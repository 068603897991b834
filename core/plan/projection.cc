// Two ways: axis by axis, when the axes of the two selections pair up (ranges, strides and blocks of equal counts);
// else by the order of their elements.
#include "core/plan/projection.h"

#include <algorithm>
#include <utility>

#include "core/ordered-selection.h"
#include "core/plan/meeting.h"
#include "core/plan/projection-by-order.h"
#include "core/positions.h"
#include "core/source-name.h"
#include "core/unlimited-axis.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

std::vector<std::size_t> longAxes(const std::vector<SlabAxis>& axes) {
  std::vector<std::size_t> result;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (axes[k].count > 1) result.push_back(k);
  }
  return result;
}

// Whether axes pair up, those with one element aside.  The first pair may differ: the longer one has more rows behind.
bool arePaired(const std::vector<SlabAxis>& a, const std::vector<SlabAxis>& b) {
  auto longA = longAxes(a);
  auto longB = longAxes(b);
  if (longA.size() != longB.size()) return false;
  for (std::size_t pair = 1; pair < longA.size(); ++pair) {
    if (a[longA[pair]].count != b[longB[pair]].count) return false;
  }
  return true;
}

std::vector<ProjectedPart> projectPaired(const std::vector<SlabAxis>& target, const std::vector<SlabAxis>& source,
                                         const Shape& sourceShape, const Region& region) {
  std::vector<Meeting> meetings;
  for (std::size_t k = 0; k < target.size(); ++k) {
    meetings.push_back(meet(region.axes[k], target[k]));
    if (meetings.back().inRegion.count == 0) return {};
  }
  Region from;
  for (const auto& axis : source) from.axes.push_back(regular(axis.start, 1, 1));
  auto longSource = longAxes(source);
  std::vector<Positions> inRegion(target.size());
  // Axes of one element that a list of indices asks for several times: the source has no axis to repeat it along.
  std::vector<std::size_t> repeated;
  std::size_t pair = 0;
  for (std::size_t k = 0; k < target.size(); ++k) {
    inRegion[k] = meetings[k].inRegion;
    if (target[k].count > 1) {
      auto axis = longSource[pair++];
      if (!allBelow(meetings[k].inMapping, source[axis].count)) mappedOutside();
      from.axes[axis] = coordinates(source[axis], meetings[k].inMapping);
    } else if (inRegion[k].count > 1) {
      repeated.push_back(k);
      inRegion[k] = subset(meetings[k].inRegion, 0, 1);
    }
  }
  ProjectedParts parts(sourceShape);
  std::vector<std::uint64_t> at(repeated.size(), 0);
  for (;;) {
    parts.add(from, inRegion);
    auto i = repeated.size();
    for (; i > 0; --i) {
      auto k = repeated[i - 1];
      at[i - 1] = at[i - 1] + 1 == meetings[k].inRegion.count ? 0 : at[i - 1] + 1;
      inRegion[k] = subset(meetings[k].inRegion, at[i - 1], 1);
      if (at[i - 1] != 0) break;
    }
    if (i == 0) return parts.take();
  }
}

// How far a mapping that grows reaches, along both of its axes; zero for one that does not grow.
std::uint64_t grownPositions(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape) {
  auto target = unlimitedAxis(mapping.virtualSelection);
  auto source = unlimitedAxis(mapping.sourceSelection);
  if (!target && !source) return 0;
  if (!target || !source || *target >= virtualShape.size() || *source >= sourceShape.size()) {
    throw FileError("a virtual dataset's mapping is malformed");
  }
  return std::min(positionsWithin(mapping.virtualSelection.dimensions[*target], virtualShape[*target]),
                  positionsWithin(mapping.sourceSelection.dimensions[*source], sourceShape[*source]));
}

}  // namespace

std::vector<ProjectedPart> project(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape,
                                   const Region& region) {
  if (mapping.isPattern) throw Failed("projecting: a pattern has many sources");
  if (region.axes.size() != virtualShape.size()) throw Failed("projecting: ranks differ");
  auto grown = grownPositions(mapping, virtualShape, sourceShape);
  OrderedSelection target(mapping.virtualSelection, virtualShape, grown);
  OrderedSelection source(mapping.sourceSelection, sourceShape, grown);
  if (target.count() == 0 || region.elementCount() == 0) return {};
  if (target.axes() && source.axes() && arePaired(*target.axes(), *source.axes())) {
    return projectPaired(*target.axes(), *source.axes(), sourceShape, region);
  }
  // A scalar has one element and pairs with any other one; there are no rows of it.
  if (virtualShape.empty() || sourceShape.empty()) throw FileError("a scalar is mapped to other than one element");
  return projectByOrder(target, source, sourceShape, region);
}

VirtualSource blockOf(const VirtualSource& pattern, std::uint64_t block) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis) throw FileError("a virtual dataset's mapping is malformed");
  VirtualSource one = pattern;
  one.isPattern = false;
  one.file = sourceName(pattern.file, block);
  one.dataset = sourceName(pattern.dataset, block);
  auto& along = one.virtualSelection.dimensions[*axis];
  along = blockOf(along, block);
  return one;
}

BlockRange blocksNear(const VirtualSource& pattern, const Region& region) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis || *axis >= region.axes.size()) throw FileError("a virtual dataset's mapping is malformed");
  const auto& along = pattern.virtualSelection.dimensions[*axis];
  auto limits = bounds(region.axes[*axis]);
  if (along.count != unlimited || limits.highest < along.start) return {};
  auto first = limits.lowest < along.start ? 0 : (limits.lowest - along.start) / along.stride;
  return {first, (limits.highest - along.start) / along.stride + 1};
}

std::uint64_t blocksWithin(const VirtualSource& pattern, const Shape& virtualShape) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis || *axis >= virtualShape.size()) throw FileError("a virtual dataset's mapping is malformed");
  const auto& along = pattern.virtualSelection.dimensions[*axis];
  auto extent = virtualShape[*axis];
  if (along.count != unlimited || extent <= along.start) return 0;
  return (extent - along.start - 1) / along.stride + 1;
}

}  // namespace h5cap
