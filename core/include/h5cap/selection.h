// A slice as a value: which elements of a dataset, axis by axis.
//
// A `Selection` is what a user writes; it may count from the end and be open-ended, and needs no shape.  A `Region` is
// a selection resolved against one shape: plain indices along every axis, in order.  Axes select orthogonally: the
// elements are the cartesian product of the axes.  Besides there are single elements: points, in any order, and masks
// over a region.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <variant>
#include <vector>

#include "h5cap/bit-mask.h"
#include "h5cap/shape.h"

namespace h5cap {

struct All {
  friend bool operator==(All, All) { return true; }
};
inline constexpr All all{};

// Stands for as many `all` as the rank needs; at most one in a selection.
struct Ellipsis {
  friend bool operator==(Ellipsis, Ellipsis) { return true; }
};
inline constexpr Ellipsis ellipsis{};

// As Python's slice with a positive step: negative bounds count from the end, bounds beyond the shape are clipped.
struct Range {
  static constexpr std::int64_t openEnd = std::numeric_limits<std::int64_t>::max();
  std::int64_t start = 0;
  std::int64_t stop = openEnd;
  std::uint64_t step = 1;
  friend bool operator==(const Range& a, const Range& b) {
    return a.start == b.start && a.stop == b.stop && a.step == b.step;
  }
};

// `range(10, 20)`, `range(0, Range::openEnd, 2)`.  Throws BadSelection for a step of zero.
Range range(std::int64_t start, std::int64_t stop = Range::openEnd, std::uint64_t step = 1);

// Explicit indices in any order, negative ones counting from the end; the axis stays in the result.
struct Indices {
  std::vector<std::int64_t> values;
  friend bool operator==(const Indices& a, const Indices& b) { return a.values == b.values; }
};

// One axis: an integer is a single index and drops the axis from the result's shape.  A mask has as many bits as the
// axis indices, and means those that are set.
using Axis = std::variant<All, std::int64_t, Range, Indices, Ellipsis, BitMask>;

// Coordinates of single elements, rank after rank.
struct Points {
  std::vector<std::uint64_t> coordinates;
  friend bool operator==(const Points& a, const Points& b) { return a.coordinates == b.coordinates; }
};

class Selection {
 public:
  Selection() = default;  // everything
  Selection(std::initializer_list<Axis> axes) : Selection(std::vector<Axis>(axes)) {}
  explicit Selection(std::vector<Axis> axes);  // throws BadSelection for a second ellipsis

  // Of all elements of what `within` means, in C order, those whose bit is set.  The result has one axis.
  Selection(BitMask mask) : mask_(std::move(mask)) {}
  Selection(std::vector<Axis> within, BitMask mask) : Selection(std::move(within)) { mask_ = std::move(mask); }

  // Single elements in any order, repeated ones included.  The result has one axis.
  Selection(Points points) : points_(std::move(points)) {}

  const std::vector<Axis>& axes() const { return axes_; }
  const std::optional<BitMask>& mask() const { return mask_; }
  const std::optional<Points>& points() const { return points_; }  // then axes and mask say nothing

  // Whether axes say it all.
  bool isOrthogonal() const { return !mask_ && !points_; }

  friend bool operator==(const Selection& a, const Selection& b) {
    return a.axes_ == b.axes_ && a.mask_ == b.mask_ && a.points_ == b.points_;
  }

 private:
  std::vector<Axis> axes_;
  std::optional<BitMask> mask_;
  std::optional<Points> points_;
};

// `points({{0, 5}, {3, 1}})`: the elements at these coordinates, each of the dataset's rank.  Throws BadSelection when
// ranks differ.
Selection points(const std::vector<Shape>& coordinates);

struct RegionAxis {
  std::uint64_t start = 0;
  std::uint64_t step = 1;
  std::uint64_t count = 0;
  std::vector<std::uint64_t> indices;  // instead of start and step, when not empty; then count == indices.size()
  bool dropped = false;                // selected by a single integer

  std::uint64_t at(std::uint64_t i) const { return indices.empty() ? start + i * step : indices[i]; }
  friend bool operator==(const RegionAxis& a, const RegionAxis& b) {
    return a.start == b.start && a.step == b.step && a.count == b.count && a.indices == b.indices &&
           a.dropped == b.dropped;
  }
};

struct Region {
  std::vector<RegionAxis> axes;  // one an axis of the dataset

  Shape counts() const;                // extents along all axes, dropped ones (1) included
  Shape shape() const;                 // of the result: without dropped axes
  std::uint64_t elementCount() const;  // throws FileError (tooLarge) on overflow
  friend bool operator==(const Region& a, const Region& b) { return a.axes == b.axes; }
};

// The region that `selection` means in a dataset of this shape.  Throws BadSelection when it names more axes than there
// are, or an index outside; the message names the axis, the index and the extent; and for points and masks.
Region resolve(const Selection& selection, const Shape& shape);

// What any selection means in a dataset of one shape.
class Resolved {
 public:
  // Throws BadSelection as `resolve` does, for points outside or of another rank, and for a mask of another size than
  // what it is a mask of.
  Resolved(const Selection& selection, Shape shape);

  const Shape& datasetShape() const { return datasetShape_; }
  Shape shape() const;                 // of the result
  Shape counts() const;                // the same with dropped axes (1)
  std::uint64_t elementCount() const;  // throws FileError (tooLarge) on overflow

  // Set unless it is points.
  const std::optional<Region>& region() const { return region_; }
  const std::optional<BitMask>& mask() const { return mask_; }  // over the region's elements, in C order
  bool isOrthogonal() const { return region_ && !mask_; }

  // Coordinates of elements `first` to `first + count - 1` of the result in C order, rank after rank; it has them.
  std::vector<std::uint64_t> coordinates(std::uint64_t first, std::uint64_t count) const;

 private:
  Shape datasetShape_;
  std::optional<Region> region_;
  std::optional<BitMask> mask_;
  std::vector<std::uint64_t> points_;
};

// The region that `inner` means, applied to the result of `outer`, as `dataset[outer][inner]` with NumPy's meaning.
// Throws BadSelection as `resolve` does.
Region compose(const Region& outer, const Selection& inner);

// The same for any two selections, in a dataset of this shape.
Selection compose(const Selection& outer, const Selection& inner, const Shape& shape);

// A selection that resolves to `region` in any shape that holds it.
Selection asSelection(const Region& region);

}  // namespace h5cap
