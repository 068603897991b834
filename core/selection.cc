#include "h5cap/selection.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

// Wide enough for an extent of 2^64 - 1 and an index of -2^63.
using Wide = __int128;

std::uint64_t resolveIndex(std::int64_t index, std::uint64_t extent, std::size_t axis) {
  Wide position = index < 0 ? Wide{index} + extent : Wide{index};
  if (position >= 0 && position < Wide{extent}) return static_cast<std::uint64_t>(position);
  if (extent == 0) throw BadSelection(fmt::format("Index ({}) out of range for empty dimension, axis {}", index, axis));
  throw BadSelection(fmt::format("Index ({}) out of range for (0-{}) along axis {}", index, extent - 1, axis));
}

// A bound of a range, clipped to [0, extent].
std::uint64_t clipBound(std::int64_t bound, std::uint64_t extent) {
  Wide position = bound < 0 ? Wide{bound} + extent : Wide{bound};
  return static_cast<std::uint64_t>(std::clamp<Wide>(position, 0, extent));
}

RegionAxis resolveRange(const Range& range, std::uint64_t extent, std::size_t axis) {
  if (range.step == 0) throw BadSelection(fmt::format("Step must be >= 1 (got 0) along axis {}", axis));
  auto start = clipBound(range.start, extent);
  auto stop = range.stop == Range::openEnd ? extent : clipBound(range.stop, extent);
  auto count = stop > start ? (stop - start - 1) / range.step + 1 : 0;
  return regular(start, range.step, count);
}

struct AxisResolver {
  std::uint64_t extent;
  std::size_t axis;

  RegionAxis operator()(All) const { return regular(0, 1, extent); }
  RegionAxis operator()(Ellipsis) const { return regular(0, 1, extent); }
  RegionAxis operator()(const Range& range) const { return resolveRange(range, extent, axis); }
  RegionAxis operator()(std::int64_t index) const {
    auto result = regular(resolveIndex(index, extent, axis), 1, 1);
    result.dropped = true;
    return result;
  }
  RegionAxis operator()(const Indices& list) const {
    RegionAxis result;
    result.indices.reserve(list.values.size());
    for (auto index : list.values) result.indices.push_back(resolveIndex(index, extent, axis));
    return normalised(std::move(result));
  }
  RegionAxis operator()(const BitMask& mask) const {
    const auto sized = mask.sizedTo(extent);
    if (!sized) {
      throw BadSelection(fmt::format("a mask of {} elements for {} indices along axis {}", mask.size(), extent, axis));
    }
    RegionAxis result;
    result.indices.reserve(sized->count());
    for (auto i = sized->next(0); i < sized->size(); i = sized->next(i + 1)) result.indices.push_back(i);
    return normalised(std::move(result));
  }
};

bool isEllipsis(const Axis& axis) { return std::holds_alternative<Ellipsis>(axis); }

RegionAxis composeAxis(const RegionAxis& outer, const RegionAxis& inner) {
  RegionAxis result;
  result.dropped = inner.dropped;
  result.count = inner.count;
  if (inner.count == 0) return result;
  if (outer.indices.empty() && inner.indices.empty()) {
    result.start = outer.at(inner.start);
    // With two elements or more the product lies within the outer region; with one it means nothing.
    result.step = inner.count > 1 ? outer.step * inner.step : 1;
    return result;
  }
  result.indices.reserve(inner.count);
  for (std::uint64_t i = 0; i < inner.count; ++i) result.indices.push_back(outer.at(inner.at(i)));
  return normalised(std::move(result));
}

}  // namespace

Range range(std::int64_t start, std::int64_t stop, std::uint64_t step) {
  if (step == 0) throw BadSelection("Step must be >= 1 (got 0)");
  return Range{start, stop, step};
}

Selection::Selection(std::vector<Axis> axes) : axes_(std::move(axes)) {
  if (std::count_if(axes_.begin(), axes_.end(), isEllipsis) > 1) {
    throw BadSelection("Only one ellipsis may be used");
  }
}

Shape Region::counts() const {
  Shape result;
  result.reserve(axes.size());
  for (const auto& axis : axes) result.push_back(axis.count);
  return result;
}

Shape Region::shape() const {
  Shape result;
  for (const auto& axis : axes) {
    if (!axis.dropped) result.push_back(axis.count);
  }
  return result;
}

std::uint64_t Region::elementCount() const { return h5cap::elementCount(counts()); }

Region resolve(const Selection& selection, const Shape& shape) {
  if (!selection.isOrthogonal()) throw BadSelection("single elements where a slice is needed");
  const auto& axes = selection.axes();
  auto ellipsisAt = static_cast<std::size_t>(std::find_if(axes.begin(), axes.end(), isEllipsis) - axes.begin());
  auto given = axes.size() - (ellipsisAt < axes.size() ? 1 : 0);
  if (given > shape.size()) {
    throw BadSelection(fmt::format("{} indexing arguments for {} dimensions", given, shape.size()));
  }
  auto after = ellipsisAt < axes.size() ? axes.size() - ellipsisAt - 1 : 0;  // axes that follow the ellipsis
  auto before = given - after;

  Region region;
  region.axes.reserve(shape.size());
  for (std::size_t k = 0; k < shape.size(); ++k) {
    AxisResolver resolver{shape[k], k};
    if (k < before) {
      region.axes.push_back(std::visit(resolver, axes[k]));
    } else if (k >= shape.size() - after) {
      region.axes.push_back(std::visit(resolver, axes[axes.size() - (shape.size() - k)]));
    } else {
      region.axes.push_back(resolver(All{}));
    }
  }
  return region;
}

Region compose(const Region& outer, const Selection& inner) {
  auto part = resolve(inner, outer.shape());
  Region result;
  result.axes.reserve(outer.axes.size());
  std::size_t next = 0;
  for (const auto& axis : outer.axes) {
    result.axes.push_back(axis.dropped ? axis : composeAxis(axis, part.axes[next++]));
  }
  return result;
}

Selection asSelection(const Region& region) {
  std::vector<Axis> axes;
  axes.reserve(region.axes.size());
  for (const auto& axis : region.axes) {
    if (axis.dropped && axis.count == 1) {
      axes.emplace_back(signedIndex(axis.at(0)));
    } else if (!axis.indices.empty()) {
      Indices list;
      list.values.reserve(axis.indices.size());
      for (auto index : axis.indices) list.values.push_back(signedIndex(index));
      axes.emplace_back(std::move(list));
    } else if (axis.count == 0) {
      axes.emplace_back(Range{0, 0, 1});
    } else {
      axes.emplace_back(Range{signedIndex(axis.start), signedIndex(axis.at(axis.count - 1)) + 1, axis.step});
    }
  }
  return Selection(std::move(axes));
}

}  // namespace h5cap
