// Stored hyperslabs as sequences: their elements in C order, by number and row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "h5cap/node.h"
#include "h5cap/selection.h"

namespace h5cap {

// Along one axis, `count` elements in blocks of `block` that start every `stride`.
struct SlabAxis {
  std::uint64_t start = 0;
  std::uint64_t stride = 1;
  std::uint64_t block = 1;
  std::uint64_t count = 0;

  bool isDense() const { return count <= block || stride == block; }
  std::uint64_t at(std::uint64_t i) const { return start + i / block * stride + i % block; }
  std::uint64_t last() const { return at(count - 1); }  // count > 0
  std::optional<std::uint64_t> find(std::uint64_t coordinate) const;  // the inverse of at()
};

// Elements that follow one another in the sequence and differ in the last coordinate only.
struct SelectedRow {
  Shape outer;              // all coordinates but the last
  std::uint64_t first = 0;  // number of the row's first element
  SlabAxis last;
};

class OrderedSelection {
 public:
  // An axis of the slab that grows has its first `grown` positions.  Throws FileError (fileProblem) for a selection
  // whose rank is not the shape's or that is malformed, (tooLarge) for one of more than 2^64 elements, or of boxes with
  // more than a million rows.
  OrderedSelection(const Hyperslab& slab, const Shape& shape, std::uint64_t grown = 0);

  std::uint64_t count() const { return count_; }

  // Set when the selection is the product of its axes.
  const std::optional<std::vector<SlabAxis>>& axes() const { return axes_; }

  // The row that holds element `number` < count().  A scalar is a row without coordinates.
  SelectedRow rowOf(std::uint64_t number) const;

  // Visits, in C order, rows that may hold elements of `region`: all that do, and not many more.  FileError (tooLarge)
  // for more than a million.
  void forEachRow(const Region& region, const std::function<void(const SelectedRow&)>& visit) const;

 private:
  void readRegular(const std::vector<Hyperslab::Dimension>& dimensions, std::uint64_t grown);
  void readBoxes(const std::vector<std::uint64_t>& corners, std::size_t rank);
  SelectedRow rowAt(const Shape& numbers) const;

  std::optional<std::vector<SlabAxis>> axes_;
  std::vector<SelectedRow> rows_;  // of boxes, in C order
  std::uint64_t count_ = 0;
};

}  // namespace h5cap
