// Sizes at the edges of 32, 63 and 64 bits: the checked arithmetic against 128-bit numbers, and everything that counts
// with it: masks, points, ranges, lists, products, fields, chunks, mappings, raw files.  Not covered: sizes as planners
// and peers send them (wire-test.cc, tests/faults/test_compromised_planner.py).
#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <string>

#include "core/checked-size.h"
#include "core/chunk-grid.h"
#include "core/fields.h"
#include "core/ordered-selection.h"
#include "core/positions.h"
#include "core/slot-map.h"
#include "core/tiling.h"
#include "core/unlimited-axis.h"
#include "h5cap/error.h"
#include "h5cap/selection.h"

using namespace h5cap;

namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t TWO_31 = std::uint64_t{1} << 31, TWO_32 = std::uint64_t{1} << 32,
                        TWO_63 = std::uint64_t{1} << 63, MOST = std::numeric_limits<std::uint64_t>::max();

constexpr std::array<std::uint64_t, 17> EDGES = {
    0, 1, 2, 7, 8, 9, TWO_31 - 1, TWO_31, TWO_32 - 1, TWO_32, TWO_32 + 1, TWO_63 - 1, TWO_63, TWO_63 + 1, MOST - 7,
    MOST - 1, MOST};

std::optional<std::uint64_t> fitting(Wide value) {
  return value > MOST ? std::nullopt : std::optional(static_cast<std::uint64_t>(value));
}

BitMask unsizedMask(std::size_t bytes) {
  const std::vector<std::byte> zeros(bytes);
  return BitMask::unsized(zeros.data(), zeros.size());
}

DataType bytesType(std::uint32_t size) { return DataType(size, FixedStringType{}); }

// A compound of fields a, b, … of these sizes, each at offset 0.
DataType compoundOf(std::uint32_t size, const std::vector<std::uint32_t>& fields) {
  CompoundType compound;
  for (auto bytes : fields)
    compound.fields.push_back({"f" + std::to_string(compound.fields.size()), 0, bytesType(bytes)});
  return DataType(size, std::move(compound));
}

std::vector<std::string> namesOf(const DataType& compound) {
  std::vector<std::string> names;
  for (auto& field : compound.as<CompoundType>()->fields) names.push_back(field.name);
  return names;
}

}  // namespace

TEST_CASE("checked sizes are those of wider numbers, or do not fit") {
  for (auto a : EDGES) {
    for (auto b : EDGES) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK((CheckedSize(a) + b).fits() == fitting(Wide{a} + b));
      CHECK((CheckedSize(a) * b).fits() == fitting(Wide{a} * b));
      CHECK((CheckedSize(a) - b).fits() == (b > a ? std::nullopt : std::optional(a - b)));
      CHECK(isWithin(a, b, MOST) == (Wide{a} + b <= MOST));
      CHECK(isWithin(a, b, TWO_32) == (Wide{a} + b <= TWO_32));
      if (b > 0) CHECK(Wide{divideUp(a, b)} == (Wide{a} + b - 1) / b);
      for (auto c : EDGES) {
        CAPTURE(c);
        const Wide zero = a == 0 || b == 0 || c == 0 ? 0 : 1;
        const auto ab = fitting(Wide{a} * b);
        CHECK(productOf(Shape{a, b, c}).fits() == (zero == 0 ? 0 : ab ? fitting(Wide{*ab} * c) : std::nullopt));
        if (c > 0) {
          const auto steps = fitting(Wide{c - 1} * b);
          CHECK(lastPosition(a, b, c).fits() == (steps ? fitting(Wide{*steps} + a) : std::nullopt));
        }
      }
    }
  }
}

TEST_CASE("what does not fit stays so, and is as much as can be") {
  const auto tooMuch = CheckedSize(MOST) + 1;
  CHECK_FALSE((tooMuch * 0).fits());
  CHECK_FALSE((tooMuch - MOST).fits());
  CHECK_FALSE(tooMuch.isAtMost(MOST));
  CHECK(tooMuch.orUnlimited() == MOST);
  CHECK_THROWS_AS(tooMuch.orRaise("too much"), FileError);
  CHECK(CheckedSize(MOST).isAtMost(MOST));
  // The control: without checks, this is what a sum and a product come to.
  CHECK(std::uint64_t{TWO_32} * TWO_32 == 0);
  CHECK(std::uint64_t{130} * (TWO_32 / 128) % TWO_32 < TWO_32 / 8);
}

TEST_CASE("a mask fits only what has as many bits") {
  for (std::size_t bytes : {0, 1, 2, 8, 1000}) {
    const auto mask = unsizedMask(bytes);
    for (auto size : EDGES) {
      CAPTURE(bytes);
      CAPTURE(size);
      const bool fits = (Wide{size} + 7) / 8 == bytes;
      CHECK(mask.sizedTo(size).has_value() == fits);
      if (fits) continue;
      CHECK_THROWS_AS(resolve(Selection(std::vector<Axis>{mask}), {size}), BadSelection);
      CHECK_THROWS_AS(resolve(Selection(std::vector<Axis>{All{}, mask}), {3, size}), BadSelection);
      CHECK_THROWS_AS(Resolved(Selection(mask), {size}), BadSelection);
      if (size != 0) CHECK_THROWS_AS(Resolved(Selection(mask), {MOST, size, MOST}), BadSelection);
    }
  }
  // Of 2^64 - 1 and of 2^64 elements.
  CHECK_THROWS_AS(Resolved(Selection(unsizedMask(0)), {TWO_32 - 1, TWO_32 + 1}), BadSelection);
  CHECK_THROWS_AS(Resolved(Selection(unsizedMask(0)), {TWO_32, TWO_32}), BadSelection);
  CHECK_THROWS_AS(compose(Selection(), Selection(unsizedMask(0)), {TWO_32 - 1, TWO_32 + 1}), BadSelection);
}

TEST_CASE("points, indices and ranges near the end of long axes") {
  for (auto extent : EDGES) {
    CAPTURE(extent);
    if (extent == 0) continue;
    const auto last = resolve(Selection({-1}), {extent});
    CHECK(last.axes[0].at(0) == extent - 1);
    CHECK_THROWS_AS(Resolved(Selection(Points{{extent}}), {extent}), BadSelection);
    if (extent < MOST) CHECK_THROWS_AS(Resolved(Selection(Points{{MOST}}), {extent}), BadSelection);
    CHECK(Resolved(Selection(Points{{extent - 1, extent - 1}}), {extent}).elementCount() == 2);
    for (std::uint64_t step : {std::uint64_t{1}, std::uint64_t{3}, TWO_31, TWO_63, MOST}) {
      CAPTURE(step);
      const auto region = resolve(Selection({range(0, Range::openEnd, step)}), {extent});
      CHECK(region.axes[0].count == divideUp(extent, step));
      CHECK(region.axes[0].at(region.axes[0].count - 1) == (extent - 1) / step * step);
      CHECK(allBelow(region.axes[0], extent));
      CHECK_FALSE(allBelow(region.axes[0], (extent - 1) / step * step));
    }
  }
  CHECK_FALSE(allBelow({MOST - 1, 2, 2, {}, false}, MOST));
  CHECK_FALSE(allBelow({0, TWO_63, 3, {}, false}, MOST));
  // An element of single elements is chosen by an index, which is signed.
  CHECK_THROWS_AS(compose(Selection(Points{{TWO_63 + 5}}), Selection({0}), {MOST}), FileError);
}

TEST_CASE("bytes and strides of arrays") {
  struct Case {
    Shape shape;
    std::uint64_t elementBytes;
  };
  for (const auto& [shape, bytes] :
       {Case{{TWO_32, TWO_31}, 4}, Case{{MOST}, 2}, Case{{TWO_63}, 2}, Case{{2, MOST}, 1}}) {
    CAPTURE(shape.front());
    CHECK_THROWS_AS(packedBytes(shape, bytes), FileError);
    CHECK_THROWS_AS(stridesInBytes(shape, bytes), FileError);
  }
  CHECK(packedBytes(Shape{0, MOST, MOST}, MOST) == 0);
  CHECK(packedBytes(Shape{TWO_32, TWO_31}, 1) == TWO_63);
  CHECK(stridesInBytes(Shape{0, 3, 5}, 8) == Shape{120, 40, 8});
}

TEST_CASE("fields together are no larger than their compound") {
  const std::uint32_t big = 32u << 20;
  CHECK_THROWS_AS(FieldPicker(compoundOf(big, std::vector<std::uint32_t>(130, big)),
                              namesOf(compoundOf(big, std::vector<std::uint32_t>(130, big)))),
                  FileError);
  const auto two = compoundOf(8, {5, 4});
  CHECK_THROWS_AS(FieldPicker(two, namesOf(two)), FileError);
  CHECK(FieldPicker(two, {"f0"}).type().size() == 5);
  const auto outside = compoundOf(8, {9});
  CHECK_THROWS_AS(FieldPicker(outside, namesOf(outside)), FileError);
}

TEST_CASE("chunks, tiles and blocks at the end of long axes") {
  for (auto extent : {TWO_32 + 1, TWO_63 + 1, MOST - 1, MOST}) {
    for (std::uint64_t chunk : {std::uint64_t{1}, std::uint64_t{1000}, TWO_32 - 1, MOST}) {
      CAPTURE(extent);
      CAPTURE(chunk);
      const auto region = resolve(Selection({range(-5)}), {extent});
      const auto box = chunkBox(region, {chunk});
      CHECK(box.first[0] == (extent - 5) / chunk);
      CHECK(box.first[0] + (box.count[0] - 1) == (extent - 1) / chunk);
      std::uint64_t elements = 0;
      forEachChunk(region, {chunk}, [&](const ChunkPart& part) { elements += part.inRegion[0].count; });
      CHECK(elements == 5);
      Tiling tiles(region, {chunk}, 8, 16);
      std::uint64_t tiled = 0;
      while (auto tile = tiles.next()) tiled += tile->region.elementCount();
      CHECK(tiled == 5);
      const std::vector<std::uint64_t> last{extent - 1};
      CHECK(groupByChunk(last, {divideUp(extent, chunk)}, {chunk}).chunks.front() == (extent - 1) / chunk);
    }
  }
}

TEST_CASE("mappings that reach beyond 2^64 are refused") {
  using Dimension = Hyperslab::Dimension;
  const auto slab = [](Dimension along) {
    Hyperslab result;
    result.kind = Hyperslab::Kind::regular;
    result.dimensions = {along};
    return result;
  };
  for (auto along : {Dimension{MOST, 1, 2, 1}, Dimension{0, TWO_63, 3, 1}, Dimension{0, TWO_63, 2, TWO_63 + 1},
                     Dimension{1, 1, 1, MOST - 1}, Dimension{0, MOST, MOST - 1, 1}, Dimension{5, MOST, 2, 7}}) {
    CAPTURE(along.start);
    if (along.start == 1) continue;  // the control: it fits
    CHECK_THROWS_AS(OrderedSelection(slab(along), {MOST}), FileError);
  }
  CHECK(OrderedSelection(slab({1, 1, 1, MOST - 1}), {MOST}).count() == MOST - 1);
  CHECK_THROWS_AS(extentHolding({TWO_63, TWO_63, unlimited, 1}, 3), FileError);
  Hyperslab boxes;
  boxes.kind = Hyperslab::Kind::boxes;
  boxes.boxes = {0, MOST};
  Shape extent{0};
  CHECK_THROWS_AS(growToHold(extent, boxes), FileError);
}

TEST_CASE("raw files at the end of what can be counted") {
  const std::vector<ExternalFile> two{{"a", 0, TWO_63}, {"b", 0, TWO_63}}, late{{"a", TWO_63 - 10, 100}},
      beyond{{"a", MOST - 1, unlimited}};
  CHECK_THROWS_AS(SlotMap{two}, FileError);
  CHECK(SlotMap(late).at(0, 5).offset == TWO_63 - 10);
  CHECK_THROWS_AS(SlotMap(late).at(20, 5), FileError);
  CHECK_THROWS_AS(SlotMap(beyond).at(5, 1), FileError);
}
