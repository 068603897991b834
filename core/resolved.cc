// What selections mean in one shape, single elements included.
#include <fmt/format.h>

#include <algorithm>

#include "core/checked-size.h"
#include "core/positions.h"
#include "h5cap/error.h"
#include "h5cap/selection.h"

namespace h5cap {

namespace {

std::vector<std::uint64_t> checkedPoints(const Points& points, const Shape& shape) {
  const auto& all = points.coordinates;
  if (shape.empty()) throw BadSelection("points in a dataset without axes");
  if (all.size() % shape.size() != 0) {
    throw BadSelection(fmt::format("{} coordinates are no points of {} axes", all.size(), shape.size()));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto axis = i % shape.size();
    if (all[i] < shape[axis]) continue;
    if (shape[axis] == 0)
      throw BadSelection(fmt::format("Index ({}) out of range for empty dimension, axis {}", all[i], axis));
    throw BadSelection(fmt::format("Index ({}) out of range for (0-{}) along axis {}", all[i], shape[axis] - 1, axis));
  }
  return all;
}

// `mask` for the elements of `region`.  No mask has as many bits as a region that cannot be counted.
BitMask maskOf(const BitMask& mask, const Region& region) {
  const auto count = productOf(region.counts()).fits();
  if (count) {
    if (auto sized = mask.sizedTo(*count)) return std::move(*sized);
  }
  const std::string elements = count ? std::to_string(*count) : "more than 2^64";
  throw BadSelection(fmt::format("a mask of {} elements for {}", mask.size(), elements));
}

// Coordinates of element `number` of the region, in C order, behind `out`.
void addElement(const Region& region, const Shape& counts, std::uint64_t number, std::vector<std::uint64_t>& out) {
  auto at = out.size();
  out.resize(at + counts.size());
  for (std::size_t k = counts.size(); k-- > 0; number /= counts[k]) out[at + k] = region.axes[k].at(number % counts[k]);
}

// Positions of elements `first` on, in C order of `counts`, one after the other.
class Walk {
 public:
  Walk(const Region& region, Shape counts) : region_(region), counts_(std::move(counts)), at_(counts_.size()) {}

  void start(std::uint64_t number) {
    number_ = number;
    for (std::size_t k = counts_.size(); k-- > 0; number /= counts_[k]) at_[k] = number % counts_[k];
  }
  void advanceTo(std::uint64_t number) {
    auto step = number - number_;
    if (counts_.empty() || at_.back() + step >= counts_.back()) return start(number);
    at_.back() += step;
    number_ = number;
  }
  void add(std::vector<std::uint64_t>& out) const {
    for (std::size_t k = 0; k < at_.size(); ++k) out.push_back(region_.axes[k].at(at_[k]));
  }

 private:
  const Region& region_;
  const Shape counts_;
  Shape at_;
  std::uint64_t number_ = 0;
};

}  // namespace

Selection points(const std::vector<Shape>& coordinates) {
  Points result;
  for (const auto& point : coordinates) {
    if (point.size() != coordinates.front().size()) throw BadSelection("points of different ranks");
    result.coordinates.insert(result.coordinates.end(), point.begin(), point.end());
  }
  return result;
}

Resolved::Resolved(const Selection& selection, Shape shape) : datasetShape_(std::move(shape)) {
  if (selection.points()) {
    points_ = checkedPoints(*selection.points(), datasetShape_);
    return;
  }
  region_ = resolve(Selection(selection.axes()), datasetShape_);
  if (selection.mask()) mask_ = maskOf(*selection.mask(), *region_);
}

Shape Resolved::shape() const { return isOrthogonal() ? region_->shape() : Shape{elementCount()}; }

Shape Resolved::counts() const { return isOrthogonal() ? region_->counts() : Shape{elementCount()}; }

std::uint64_t Resolved::elementCount() const {
  if (mask_) return mask_->count();
  if (region_) return region_->elementCount();
  return points_.size() / datasetShape_.size();
}

std::vector<std::uint64_t> Resolved::coordinates(std::uint64_t first, std::uint64_t count) const {
  auto rank = datasetShape_.size();
  if (!region_) {
    auto from = points_.begin() + static_cast<std::ptrdiff_t>(first * rank);
    return {from, from + static_cast<std::ptrdiff_t>(count * rank)};
  }
  std::vector<std::uint64_t> result;
  if (count == 0) return result;
  result.reserve(count * rank);
  Walk walk(*region_, region_->counts());
  auto number = mask_ ? mask_->find(first) : first;
  walk.start(number);
  for (std::uint64_t i = 0;;) {
    walk.add(result);
    if (++i == count) return result;
    number = mask_ ? mask_->next(number + 1) : number + 1;
    walk.advanceTo(number);
  }
}

Selection compose(const Selection& outer, const Selection& inner, const Shape& shape) {
  Resolved whole(outer, shape);
  if (whole.isOrthogonal() && inner.isOrthogonal()) return asSelection(compose(*whole.region(), inner));
  if (whole.isOrthogonal() && inner.mask()) {
    auto within = compose(*whole.region(), Selection(inner.axes()));
    return Selection(asSelection(within).axes(), maskOf(*inner.mask(), within));
  }
  // Single elements of single elements, or of a region: points.  A scalar has none, and one element or no element.
  Resolved part(inner, whole.shape());
  if (!whole.isOrthogonal() && part.isOrthogonal() && part.shape().empty()) {
    // One of them, by an integer, which drops the axis: an integer along every axis.
    std::vector<Axis> axes;
    for (auto index : whole.coordinates(part.coordinates(0, 1).front(), 1))
      axes.emplace_back(signedIndex(index));
    return Selection(std::move(axes));
  }
  if (shape.empty() && part.elementCount() <= 1) return mask(std::vector<bool>{part.elementCount() == 1});
  Points result;
  auto wanted = part.coordinates(0, part.elementCount());
  auto outerRank = part.datasetShape().size();
  if (!whole.region()) {
    for (auto i : wanted) {
      auto point = whole.coordinates(i, 1);
      result.coordinates.insert(result.coordinates.end(), point.begin(), point.end());
    }
    return result;
  }
  auto counts = whole.region()->counts();
  for (std::size_t i = 0; i < wanted.size(); i += outerRank) {
    std::uint64_t number = 0;
    std::size_t next = i;
    if (whole.mask()) {
      number = whole.mask()->find(wanted[i]);
    } else {
      for (std::size_t k = 0; k < counts.size(); ++k) {
        number = number * counts[k] + (whole.region()->axes[k].dropped ? 0 : wanted[next++]);
      }
    }
    addElement(*whole.region(), counts, number, result.coordinates);
  }
  return result;
}

}  // namespace h5cap
