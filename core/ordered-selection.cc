#include "core/ordered-selection.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/positions.h"
#include "core/unlimited-axis.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::uint64_t MAX_ROWS = 1'000'000;

[[noreturn]] void tooFragmented() {
  throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
}

[[noreturn]] void malformed() { throw FileError("a virtual dataset's mapping is malformed"); }

std::uint64_t product(const std::vector<SlabAxis>& axes) {
  Shape counts;
  for (const auto& axis : axes) counts.push_back(axis.count);
  return elementCount(counts);
}

SlabAxis readGrowing(const Hyperslab::Dimension& from, std::uint64_t grown) {
  if (grown == 0) return {0, 1, 1, 0};
  auto last = extentHolding(from, grown);  // checks
  if (from.block == unlimited) return {from.start, last - from.start, last - from.start, grown};
  return {from.start, from.stride, from.block, grown};
}

SlabAxis readDimension(const Hyperslab::Dimension& from) {
  const auto count = (CheckedSize(from.count) * from.block).fits();
  if (!count) malformed();
  SlabAxis axis{from.start, from.stride, from.block, *count};
  if (axis.count == 0) return {0, 1, 1, 0};
  if (from.count == 1) {
    axis.stride = axis.block;
  } else if (from.stride < from.block) {
    malformed();  // blocks would overlap
  }
  if (!(lastPosition(axis.start, axis.stride, from.count) + (axis.block - 1)).fits()) malformed();
  return axis;
}

bool isBefore(const SelectedRow& a, const SelectedRow& b) {
  return a.outer != b.outer ? a.outer < b.outer : a.last.start < b.last.start;
}

}  // namespace

std::optional<std::uint64_t> SlabAxis::find(std::uint64_t coordinate) const {
  if (coordinate < start) return std::nullopt;
  auto distance = coordinate - start;
  auto within = distance % stride;
  if (within >= block) return std::nullopt;
  auto blocks = distance / stride;
  if (blocks > count / block) return std::nullopt;
  auto number = blocks * block + within;
  return number < count ? std::optional(number) : std::nullopt;
}

OrderedSelection::OrderedSelection(const Hyperslab& slab, const Shape& shape, std::uint64_t grown) {
  switch (slab.kind) {
    case Hyperslab::Kind::none:
      return;
    case Hyperslab::Kind::all:
      axes_.emplace();
      for (auto extent : shape) {
        auto block = std::max<std::uint64_t>(extent, 1);
        axes_->push_back({0, block, block, extent});
      }
      count_ = product(*axes_);
      return;
    case Hyperslab::Kind::regular:
      if (slab.dimensions.size() != shape.size()) malformed();
      readRegular(slab.dimensions, grown);
      return;
    case Hyperslab::Kind::boxes:
      readBoxes(slab.boxes, shape.size());
      return;
    case Hyperslab::Kind::points:
      malformed();  // no virtual dataset maps single points
  }
}

void OrderedSelection::readRegular(const std::vector<Hyperslab::Dimension>& dimensions, std::uint64_t grown) {
  axes_.emplace();
  for (const auto& dimension : dimensions) {
    axes_->push_back(isUnlimited(dimension) ? readGrowing(dimension, grown) : readDimension(dimension));
  }
  count_ = product(*axes_);
}

void OrderedSelection::readBoxes(const std::vector<std::uint64_t>& corners, std::size_t rank) {
  if (rank == 0 || corners.size() % (2 * rank) != 0) malformed();
  for (std::size_t box = 0; box < corners.size(); box += 2 * rank) {
    std::vector<SlabAxis> axes;
    for (std::size_t k = 0; k < rank; ++k) {
      auto low = corners[box + k], high = corners[box + rank + k];
      if (high < low || high == unlimited) malformed();
      axes.push_back({low, high - low + 1, high - low + 1, high - low + 1});
    }
    if (corners.size() == 2 * rank) {  // one box is as regular as can be
      count_ = product(axes);
      axes_ = std::move(axes);
      return;
    }
    auto last = axes.back();
    axes.pop_back();
    auto rows = product(axes);
    if (rows > MAX_ROWS - rows_.size()) tooFragmented();
    for (std::uint64_t i = 0; i < rows; ++i) {
      SelectedRow row{Shape(axes.size()), 0, last};
      for (std::size_t k = axes.size(), rest = i; k-- > 0; rest /= axes[k].count) {
        row.outer[k] = axes[k].at(rest % axes[k].count);
      }
      rows_.push_back(std::move(row));
    }
  }
  std::sort(rows_.begin(), rows_.end(), isBefore);
  for (auto& row : rows_) {
    row.first = count_;
    const auto count = (CheckedSize(count_) + row.last.count).fits();
    if (!count) tooFragmented();
    count_ = *count;
  }
  for (std::size_t i = 1; i < rows_.size(); ++i) {
    if (rows_[i - 1].outer == rows_[i].outer && rows_[i].last.start <= rows_[i - 1].last.last()) malformed();
  }
}

// `numbers`: along all axes but the last, which element.
SelectedRow OrderedSelection::rowAt(const Shape& numbers) const {
  SelectedRow row;
  std::uint64_t rowNumber = 0;
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    row.outer.push_back((*axes_)[k].at(numbers[k]));
    rowNumber = rowNumber * (*axes_)[k].count + numbers[k];
  }
  row.last = axes_->back();
  row.first = rowNumber * row.last.count;
  return row;
}

SelectedRow OrderedSelection::rowOf(std::uint64_t number) const {
  if (!axes_) {
    auto after = std::upper_bound(rows_.begin(), rows_.end(), number,
                                  [](std::uint64_t value, const SelectedRow& row) { return value < row.first; });
    return *(after - 1);
  }
  if (axes_->empty()) return {{}, 0, {0, 1, 1, 1}};
  auto rest = number / axes_->back().count;
  Shape numbers(axes_->size() - 1);
  for (std::size_t k = numbers.size(); k-- > 0; rest /= (*axes_)[k].count) numbers[k] = rest % (*axes_)[k].count;
  return rowAt(numbers);
}

void OrderedSelection::forEachRow(const Region& region, const std::function<void(const SelectedRow&)>& visit) const {
  if (!axes_) {
    for (const auto& row : rows_) visit(row);
    return;
  }
  if (axes_->empty()) return visit(rowOf(0));
  // Along each outer axis, the elements that the region asks for: from the shorter of the two.
  auto outerRank = axes_->size() - 1;
  std::vector<std::vector<std::uint64_t>> wanted(outerRank);
  for (std::size_t k = 0; k < outerRank; ++k) {
    const auto& axis = (*axes_)[k];
    const auto& positions = region.axes[k];
    if (std::min(axis.count, positions.count) > MAX_ROWS) tooFragmented();
    if (axis.count <= positions.count) {
      for (std::uint64_t i = 0; i < axis.count; ++i) wanted[k].push_back(i);
    } else {
      for (std::uint64_t j = 0; j < positions.count; ++j) {
        if (auto i = axis.find(positions.at(j))) wanted[k].push_back(*i);
      }
      std::sort(wanted[k].begin(), wanted[k].end());
      wanted[k].erase(std::unique(wanted[k].begin(), wanted[k].end()), wanted[k].end());
    }
    if (wanted[k].empty()) return;
  }
  Shape sizes;
  for (const auto& numbers : wanted) sizes.push_back(numbers.size());
  if (elementCount(sizes) > MAX_ROWS) tooFragmented();
  Shape at(outerRank, 0), numbers(outerRank);
  for (;;) {
    for (std::size_t k = 0; k < outerRank; ++k) numbers[k] = wanted[k][at[k]];
    visit(rowAt(numbers));
    auto k = outerRank;
    while (k > 0 && at[k - 1] + 1 == wanted[k - 1].size()) at[--k] = 0;
    if (k == 0) return;
    ++at[k - 1];
  }
}

}  // namespace h5cap
