// Selections: resolving and composing against a naive model that works on lists of indices, and tables of good and bad
// cases.  Not covered: text (slice-text-test.cc), the wire (wire-test.cc).
#include <doctest/doctest.h>

#include "core/slice-text.h"
#include "h5cap/error.h"
#include "h5cap/selection.h"
#include "random.h"

using namespace h5cap;

namespace {

using Lists = std::vector<std::vector<std::uint64_t>>;

// Python's slice, element by element.
std::vector<std::uint64_t> naiveRange(std::int64_t extent, const Range& range) {
  auto bound = [&](std::int64_t value) {
    if (value < 0) value = std::max<std::int64_t>(value + extent, 0);
    return std::min(value, extent);
  };
  std::vector<std::uint64_t> result;
  for (auto i = bound(range.start); i < bound(range.stop); i += static_cast<std::int64_t>(range.step)) {
    result.push_back(static_cast<std::uint64_t>(i));
  }
  return result;
}

Axis randomAxis(Random& random, std::uint64_t extentUnsigned) {
  auto extent = static_cast<std::int64_t>(extentUnsigned);
  auto kind = random.between(0, 5);
  if (kind == 0 && extent > 0) return random.between(-extent, extent - 1);
  if (kind == 1) {
    Indices list;
    for (auto n = extent == 0 ? 0 : random.between(0, 5); n > 0; --n) {
      list.values.push_back(random.between(-extent, extent - 1));
    }
    return list;
  }
  if (kind == 2) return All{};
  auto stop = random.chance(20) ? Range::openEnd : random.between(-extent - 3, extent + 3);
  return Range{random.between(-extent - 3, extent + 3), stop, static_cast<std::uint64_t>(random.between(1, 5))};
}

// The indices that `axis` picks of `extent`.
std::vector<std::uint64_t> naivePick(const Axis& axis, std::uint64_t extentUnsigned) {
  auto extent = static_cast<std::int64_t>(extentUnsigned);
  auto plain = [&](std::int64_t i) { return static_cast<std::uint64_t>(i < 0 ? i + extent : i); };
  if (const auto* index = std::get_if<std::int64_t>(&axis)) return {plain(*index)};
  if (const auto* range = std::get_if<Range>(&axis)) return naiveRange(extent, *range);
  if (const auto* list = std::get_if<Indices>(&axis)) {
    std::vector<std::uint64_t> result;
    for (auto i : list->values) result.push_back(plain(i));
    return result;
  }
  return naiveRange(extent, Range{});
}

Lists listsOf(const Region& region) {
  Lists result;
  for (const auto& axis : region.axes) {
    result.emplace_back();
    for (std::uint64_t i = 0; i < axis.count; ++i) result.back().push_back(axis.at(i));
  }
  return result;
}

}  // namespace

TEST_CASE("random histories of slices of slices pick what lists of indices pick") {
  Random random(4);
  for (int trial = 0; trial < 5000; ++trial) {
    auto shape = random.shape(static_cast<std::size_t>(random.between(0, 4)), 9);
    auto region = resolve(Selection(), shape);
    Lists model = listsOf(region);
    std::vector<bool> dropped(shape.size(), false);
    std::string history;
    for (auto depth = random.between(1, 4); depth > 0; --depth) {
      std::vector<Axis> axes;
      for (std::size_t k = 0; k < shape.size(); ++k) {
        if (dropped[k]) continue;
        auto axis = randomAxis(random, model[k].size());
        std::vector<std::uint64_t> next;
        for (auto i : naivePick(axis, model[k].size())) next.push_back(model[k][i]);
        model[k] = next;
        dropped[k] = std::holds_alternative<std::int64_t>(axis);
        axes.push_back(axis);
      }
      // What is whole at the end may be left out or said with an ellipsis.
      while (!axes.empty() && axes.back() == Axis(All{}) && random.chance(50)) axes.pop_back();
      if (random.chance(20)) axes.push_back(Ellipsis{});
      Selection selection(axes);
      history += "[" + formatSlice(selection) + "]";
      region = compose(region, selection);
    }
    CAPTURE(history);
    CHECK(listsOf(region) == model);
    Shape expected;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      if (!dropped[k]) expected.push_back(model[k].size());
    }
    CHECK(region.shape() == expected);
    CHECK(resolve(asSelection(region), shape) == region);
  }
}

TEST_CASE("an ellipsis stands for the axes that are not named") {
  Shape shape{2, 3, 4, 5};
  CHECK(resolve({1, ellipsis, 2}, shape).shape() == Shape{3, 4});
  CHECK(resolve({ellipsis, 0}, shape).shape() == Shape{2, 3, 4});
  CHECK(resolve({0, ellipsis}, shape).shape() == Shape{3, 4, 5});
  CHECK(resolve({0, 1, 2, 3, ellipsis}, shape).shape() == Shape{});
  CHECK(resolve({ellipsis}, {}).elementCount() == 1);
  CHECK_THROWS_AS((Selection{ellipsis, ellipsis}), BadSelection);
}

TEST_CASE("bad selections say what is wrong") {
  struct Case {
    Selection selection;
    Shape shape;
    std::string message;
  };
  Case cases[] = {
      {{12}, {10}, "Index (12) out of range for (0-9) along axis 0"},
      {{all, -4}, {10, 3}, "Index (-4) out of range for (0-2) along axis 1"},
      {{Indices{{0, 3}}}, {3}, "Index (3) out of range for (0-2) along axis 0"},
      {{0}, {0}, "Index (0) out of range for empty dimension, axis 0"},
      {{0, 0}, {3}, "2 indexing arguments for 1 dimensions"},
      {{0}, {}, "1 indexing arguments for 0 dimensions"},
      {{Range{0, 2, 0}}, {3}, "Step must be >= 1 (got 0) along axis 0"},
  };
  for (const auto& bad : cases) {
    CAPTURE(formatSlice(bad.selection));
    CHECK_THROWS_WITH_AS(resolve(bad.selection, bad.shape), bad.message.c_str(), BadSelection);
  }
  CHECK_THROWS_AS(range(0, 1, 0), BadSelection);
}

TEST_CASE("nothing overflows at the ends of 64 bits") {
  auto huge = ~std::uint64_t{0};
  auto whole = resolve({range(0), range(5, Range::openEnd, huge)}, {huge, huge});
  CHECK(whole.axes[0].count == huge);
  CHECK(whole.axes[1].count == 1);
  CHECK(resolve({-1}, {huge}).axes[0].start == huge - 1);
  CHECK(resolve({range(std::numeric_limits<std::int64_t>::min())}, {5}).shape() == Shape{5});
  auto square = resolve({}, {huge, huge});
  try {
    square.elementCount();
    FAIL("2^128 elements were counted");
  } catch (const FileError& error) {
    CHECK(error.code() == ErrorCode::tooLarge);
  }
  CHECK(elementCount({huge, huge, 0}) == 0);
  CHECK(strides({3, 4, 5}) == Shape{20, 5, 1});
  CHECK_THROWS_AS(asSelection(square), FileError);
}
