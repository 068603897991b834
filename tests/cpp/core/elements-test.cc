// Single elements: bits of masks, points and masks against a naive model that works on lists of coordinates, slices of
// them, and how they travel.  Not covered: slices (selection-test.cc), reading (tests/cpp/objects, tests/cpp/client).
#include <capnp/message.h>
#include <doctest/doctest.h>

#include <algorithm>

#include "core/slice-text.h"
#include "core/wire.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

using Coordinates = std::vector<Shape>;

std::vector<bool> randomFlags(Random& random, std::uint64_t size) {
  auto density = static_cast<int>(random.between(0, 100));
  std::vector<bool> flags(size);
  for (std::size_t i = 0; i < size; ++i) flags[i] = random.chance(density);
  return flags;
}

// Coordinates in a dataset of the elements of a region, in C order.
Coordinates naiveRegion(const Region& region) {
  Coordinates result;
  for (const auto& at : coordinatesOf(region.counts())) {
    Shape element;
    for (std::size_t k = 0; k < at.size(); ++k) element.push_back(region.axes[k].at(at[k]));
    result.push_back(element);
  }
  return result;
}

Coordinates naiveMasked(const Coordinates& all, const std::vector<bool>& flags) {
  Coordinates result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (flags[i]) result.push_back(all[i]);
  }
  return result;
}

Coordinates elementsOf(const Resolved& resolved, std::uint64_t first, std::uint64_t count) {
  auto flat = resolved.coordinates(first, count);
  auto rank = resolved.datasetShape().size();
  Coordinates result;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto from = flat.begin() + static_cast<std::ptrdiff_t>(i * rank);
    result.emplace_back(from, from + static_cast<std::ptrdiff_t>(rank));
  }
  CHECK(flat.size() == count * rank);
  return result;
}

Coordinates elementsOf(const Resolved& resolved) { return elementsOf(resolved, 0, resolved.elementCount()); }

Selection sent(const Selection& selection) {
  capnp::MallocMessageBuilder message;
  wire::write(selection, message.initRoot<rpc::Selection>());
  return wire::read(message.getRoot<rpc::Selection>().asReader());
}

struct Outer {
  Selection selection;
  Coordinates elements;
  Shape shape;  // of the result
};

Outer randomSelection(Random& random, const Shape& shape) {
  auto kind = random.between(0, 2);
  bool isEmpty = std::find(shape.begin(), shape.end(), 0u) != shape.end();
  if (kind == 0 && !shape.empty()) {
    Points points;
    Coordinates elements;
    for (auto n = isEmpty ? 0 : random.between(0, 9); n > 0; --n) {
      Shape at;
      for (auto extent : shape)
        at.push_back(static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(extent) - 1)));
      points.coordinates.insert(points.coordinates.end(), at.begin(), at.end());
      elements.push_back(at);
    }
    return {points, elements, {elements.size()}};
  }
  auto region = isEmpty ? resolve({}, shape) : random.region(shape);
  if (kind == 1) return {asSelection(region), naiveRegion(region), region.shape()};
  auto flags = randomFlags(random, region.elementCount());
  auto elements = naiveMasked(naiveRegion(region), flags);
  return {Selection(asSelection(region).axes(), mask(flags)), elements, {elements.size()}};
}

}  // namespace

TEST_CASE("bits are counted, found and gathered as a list of booleans is") {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    auto flags = randomFlags(random, static_cast<std::uint64_t>(random.between(0, 1500)));
    auto bits = mask(flags);
    REQUIRE(bits.size() == flags.size());
    std::vector<std::uint8_t> bytes(flags.begin(), flags.end());
    for (auto& byte : bytes) byte *= 7;
    REQUIRE(BitMask::fromBytes(bytes.data(), bytes.size()) == bits);
    REQUIRE(BitMask::fromBits(bits.bytes(), BitMask::byteCount(bits.size()), bits.size()) == bits);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      REQUIRE(bits.test(i) == flags[i]);
      REQUIRE(bits.countBefore(i) == count);
      auto after = std::find(flags.begin() + static_cast<std::ptrdiff_t>(i), flags.end(), true) - flags.begin();
      REQUIRE(bits.next(i) == static_cast<std::uint64_t>(after));
      if (flags[i]) REQUIRE(bits.find(count++) == i);
    }
    REQUIRE(bits.count() == count);
    if (flags.empty()) continue;
    auto length = static_cast<std::uint64_t>(random.between(1, static_cast<std::int64_t>(flags.size())));
    std::vector<std::uint64_t> starts;
    std::vector<bool> expected;
    for (int row = 0; row < 5; ++row) {
      starts.push_back(static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(flags.size() - length))));
      for (std::uint64_t i = 0; i < length; ++i) expected.push_back(flags[starts.back() + i]);
    }
    REQUIRE(bits.gathered(starts, length) == mask(expected));
  }
}

TEST_CASE("random points, masks and slices, and each of these of another, mean what lists of coordinates mean") {
  Random random(2);
  for (int round = 0; round < 3000; ++round) {
    auto shape = random.shape(static_cast<std::size_t>(random.between(0, 4)), 6);
    auto outer = randomSelection(random, shape);
    CAPTURE(round);
    for (const auto& selection : {outer.selection, sent(outer.selection)}) {
      Resolved resolved(selection, shape);
      REQUIRE(resolved.shape() == outer.shape);
      REQUIRE(elementsOf(resolved) == outer.elements);
      auto total = static_cast<std::int64_t>(outer.elements.size());
      auto first = random.between(0, total);
      auto count = random.between(0, total - first);
      REQUIRE(elementsOf(resolved, static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(count)) ==
              Coordinates(outer.elements.begin() + first, outer.elements.begin() + first + count));
    }
    auto inner = randomSelection(random, outer.shape);
    Coordinates expected;
    for (const auto& at : inner.elements) expected.push_back(outer.elements[offsetOf(at, outer.shape)]);
    if (shape.empty() && expected.size() > 1) {
      CHECK_THROWS_AS(Resolved(compose(outer.selection, inner.selection, shape), shape), BadSelection);
      continue;
    }
    REQUIRE(elementsOf(Resolved(compose(outer.selection, inner.selection, shape), shape)) == expected);
  }
}

TEST_CASE("a mask along an axis picks as the list of its set bits does") {
  Selection selection{mask({true, false, true, true, false}), std::int64_t{1}};
  CHECK(resolve(selection, {5, 2}) == resolve({Indices{{0, 2, 3}}, std::int64_t{1}}, {5, 2}));
  CHECK(resolve(sent(selection), {5, 2}) == resolve(selection, {5, 2}));
  CHECK(formatSlice(selection) == "[0,2,3],1");
  CHECK(resolve({ellipsis, mask({false, false})}, {3, 2}).counts() == Shape{3, 0});
}

TEST_CASE("single elements that are not there are refused") {
  auto refused = [](const Selection& selection, const Shape& shape) {
    CHECK_THROWS_AS(Resolved(selection, shape), BadSelection);
    CHECK_THROWS_AS(Resolved(sent(selection), shape), BadSelection);
  };
  refused(points({{1, 2}, {3, 0}}), {3, 3});
  refused(points({{1, 2}, {~std::uint64_t{0}, 0}}), {3, 3});
  refused(Points{{1, 2, 0}}, {3, 3});
  refused(Points{{0}}, {});
  refused(points({{0, 0}}), {3, 0});
  refused(mask(std::vector<bool>(17)), {3, 3});
  refused(mask(std::vector<bool>(8)), {3, 3});
  refused(mask(std::vector<bool>(10, true)), {3, 3});
  refused({mask(std::vector<bool>(9, true))}, {8});
  refused(Selection({range(0, 2)}, mask(std::vector<bool>(9))), {9});
  CHECK_THROWS_AS(points({{1, 2}, {3}}), BadSelection);
  CHECK_THROWS_AS(resolve(mask({true}), {1}), BadSelection);
  const std::byte bits[]{std::byte{0xff}};
  CHECK_THROWS_AS(BitMask::fromBits(bits, 1, 7), BadSelection);
  CHECK_THROWS_AS(Resolved(BitMask::unsized(bits, 1), {7}), BadSelection);
  CHECK(Resolved(BitMask::unsized(bits, 1), {8}).elementCount() == 8);
  CHECK_THROWS_AS(formatSlice(mask({true})), BadSelection);

  capnp::MallocMessageBuilder message;
  auto both = message.initRoot<rpc::Selection>();
  both.initPoints(1);
  both.initMask(1);
  CHECK_THROWS_AS(wire::read(both.asReader()), BadSelection);
}
