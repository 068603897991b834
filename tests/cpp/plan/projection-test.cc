// Projection of virtual mappings, against a naive model that pairs the elements of the two selections one by one: fixed
// ones, ones that grow, blocks of patterns; the arithmetic of axes that grow; names of sources.  Not covered: extents
// that depend on files (tests/conformance).
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "core/plan/mapping-index.h"
#include "core/plan/projection.h"
#include "core/source-name.h"
#include "core/unlimited-axis.h"
#include "h5cap/error.h"
#include "tests/cpp/core/random.h"

using namespace h5cap;

namespace {

Hyperslab whole(const Shape& shape) { return {Hyperslab::Kind::all, {}, {}, shape}; }

// Offsets of a selection's elements in an array of `shape`, in C order.
std::vector<std::uint64_t> naiveElements(const Hyperslab& slab, const Shape& shape) {
  std::vector<std::uint64_t> result;
  auto rank = shape.size();
  for (const auto& at : coordinatesOf(shape)) {
    bool selected = slab.kind == Hyperslab::Kind::all;
    if (slab.kind == Hyperslab::Kind::regular) {
      selected = true;
      for (std::size_t k = 0; k < rank; ++k) {
        const auto& axis = slab.dimensions[k];
        bool within = false;
        for (std::uint64_t i = 0; i < axis.count; ++i) {
          auto start = axis.start + i * axis.stride;
          within |= at[k] >= start && at[k] < start + axis.block;
        }
        selected &= within;
      }
    }
    for (std::size_t box = 0; box < slab.boxes.size(); box += 2 * rank) {
      bool within = true;
      for (std::size_t k = 0; k < rank; ++k)
        within &= at[k] >= slab.boxes[box + k] && at[k] <= slab.boxes[box + rank + k];
      selected |= within;
    }
    if (selected) result.push_back(offsetOf(at, shape));
  }
  return result;
}

Hyperslab randomSlab(Random& random, const Shape& shape) {
  if (random.chance(15)) return whole(shape);
  Hyperslab slab{Hyperslab::Kind::regular, {}, {}, shape};
  for (auto extent : shape) {
    auto top = static_cast<std::int64_t>(extent);
    Hyperslab::Dimension axis;
    axis.start = static_cast<std::uint64_t>(random.between(0, top - 1));
    axis.block =
        static_cast<std::uint64_t>(random.between(1, std::min<std::int64_t>(3, top - std::int64_t(axis.start))));
    axis.stride = axis.block + static_cast<std::uint64_t>(random.between(0, 2));
    axis.count = static_cast<std::uint64_t>(
        random.between(1, static_cast<std::int64_t>((extent - axis.start - axis.block) / axis.stride + 1)));
    slab.dimensions.push_back(axis);
  }
  if (!random.chance(30)) return slab;
  // Disjoint boxes: one for each slice of the first axis that is kept.
  slab.kind = Hyperslab::Kind::boxes;
  slab.dimensions.clear();
  for (std::uint64_t i = 0; i < shape[0]; ++i) {
    if (random.chance(40) && !(i + 1 == shape[0] && slab.boxes.empty())) continue;
    Shape low{i}, high{i};
    for (std::size_t k = 1; k < shape.size(); ++k) {
      low.push_back(static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(shape[k]) - 1)));
      high.push_back(static_cast<std::uint64_t>(
          random.between(static_cast<std::int64_t>(low[k]), static_cast<std::int64_t>(shape[k]) - 1)));
    }
    slab.boxes.insert(slab.boxes.end(), low.begin(), low.end());
    slab.boxes.insert(slab.boxes.end(), high.begin(), high.end());
  }
  return slab;
}

Shape randomShape(Random& random) {
  Shape shape;
  for (auto k = random.between(1, 3); k > 0; --k) shape.push_back(static_cast<std::uint64_t>(random.between(1, 6)));
  return shape;
}

// A source with as many elements as the virtual selection: a copy of its extents, or their product cut another way.
Shape randomSource(Random& random, const VirtualSource& mapping, const Shape& virtualShape, Hyperslab& selection) {
  auto count = naiveElements(mapping.virtualSelection, virtualShape).size();
  if (mapping.virtualSelection.kind == Hyperslab::Kind::regular && random.chance(60)) {
    Shape shape;
    selection = {Hyperslab::Kind::regular, {}, {}, {}};
    for (const auto& axis : mapping.virtualSelection.dimensions) {
      if (random.chance(20)) {
        shape.push_back(1 + static_cast<std::uint64_t>(random.between(0, 1)));
        selection.dimensions.push_back({shape.back() - 1, 1, 1, 1});
      }
      auto extent = axis.count * axis.block;
      if (extent == 1 && random.chance(50) && !shape.empty()) continue;
      auto start = static_cast<std::uint64_t>(random.between(0, 2));
      auto stride = static_cast<std::uint64_t>(random.between(1, 2));
      selection.dimensions.push_back({start, stride, extent, 1});
      shape.push_back(start + stride * (extent - 1) + 1 + static_cast<std::uint64_t>(random.between(0, 1)));
    }
    selection.extent = shape;
    return shape;
  }
  Shape shape{count};
  for (std::uint64_t factor = 2; factor <= 5; ++factor) {
    if (count % factor == 0 && random.chance(50)) {
      shape = {factor, count / factor};
      break;
    }
  }
  selection = whole(shape);
  return shape;
}

// Offsets of a part's elements in its source, and of where they go, one by one.
std::vector<std::uint64_t> elementsOf(const Wanted& wanted, const Shape& shape) {
  if (auto* region = std::get_if<Region>(&wanted)) return h5cap::elementsOf(region->axes, shape);
  const auto& points = std::get<PointList>(wanted);
  std::vector<std::uint64_t> result;
  for (std::size_t i = 0; i < points.coordinates.size(); i += points.rank) {
    const auto at = points.coordinates.begin() + static_cast<std::ptrdiff_t>(i);
    result.push_back(offsetOf(Shape(at, at + static_cast<std::ptrdiff_t>(points.rank)), shape));
  }
  return result;
}

std::vector<std::uint64_t> elementsOf(const Placement& place, const Shape& shape) {
  if (auto* axes = std::get_if<AlongAxes>(&place)) return h5cap::elementsOf(*axes, shape);
  std::vector<std::uint64_t> result;
  for (const Stretch& stretch : std::get<std::vector<Stretch>>(place))
    for (std::uint64_t i = 0; i < stretch.count; ++i) result.push_back(stretch.first + i);
  return result;
}

}  // namespace

TEST_CASE("random mappings put the same elements in the same places as pairing them one by one") {
  Random random(9);
  std::size_t several = 0, met = 0, asPoints = 0;
  for (int trial = 0; trial < 6000; ++trial) {
    auto virtualShape = randomShape(random);
    VirtualSource mapping{"source.h5", "/data", randomSlab(random, virtualShape), {}, false};
    auto sourceShape = randomSource(random, mapping, virtualShape, mapping.sourceSelection);
    auto region = random.region(virtualShape);

    std::map<std::uint64_t, std::uint64_t> sourceOf;  // virtual offset → source offset
    auto targets = naiveElements(mapping.virtualSelection, virtualShape);
    auto sources = naiveElements(mapping.sourceSelection, sourceShape);
    REQUIRE(targets.size() == sources.size());
    for (std::size_t i = 0; i < targets.size(); ++i) sourceOf[targets[i]] = sources[i];
    auto wanted = elementsOf(region.axes, virtualShape);
    std::vector<std::uint64_t> expected(wanted.size(), ~0ull);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (auto found = sourceOf.find(wanted[i]); found != sourceOf.end()) expected[i] = found->second;
    }

    std::vector<std::uint64_t> result(wanted.size(), ~0ull);
    auto parts = project(mapping, virtualShape, sourceShape, region);
    for (const auto& part : parts) {
      auto from = elementsOf(part.source, sourceShape), to = elementsOf(part.place, region.counts());
      REQUIRE(from.size() == to.size());
      asPoints += std::holds_alternative<PointList>(part.source);
      for (std::size_t i = 0; i < to.size(); ++i) {
        CHECK(result[to[i]] == ~0ull);
        result[to[i]] = from[i];
      }
    }
    CAPTURE(trial);
    REQUIRE(result == expected);
    if (!parts.empty()) CHECK(mayMeet(mapping, region));
    met += !parts.empty();
    several += parts.size() > 1;
  }
  CHECK(met > 2000);
  CHECK(several > 200);
}

TEST_CASE("the index of mappings finds what looking at every one finds") {
  Random random(11);
  std::size_t found = 0, left = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    auto shape = randomShape(random);
    shape[0] *= static_cast<std::uint64_t>(random.between(1, 20));
    std::vector<VirtualSource> mappings;
    for (auto n = random.between(0, 12); n > 0; --n) {
      mappings.push_back({"source.h5", "/data", randomSlab(random, shape), {}, false});
      if (random.chance(10)) mappings.back().virtualSelection = {Hyperslab::Kind::none, {}, {}, shape};
    }
    auto region = random.region(shape);
    std::vector<std::size_t> expected, result;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
      if (mayMeet(mappings[i], region)) expected.push_back(i);
    }
    auto near = MappingIndex(mappings).near(region);
    for (std::size_t i : near) {
      if (mayMeet(mappings[i], region)) result.push_back(i);
    }
    CAPTURE(trial);
    REQUIRE(result == expected);
    found += near.size();
    left += mappings.size() - near.size();
  }
  CHECK(found > 1000);
  CHECK(left > 1000);
}

TEST_CASE("a read of one frame went through all mappings of a virtual dataset") {
  std::vector<VirtualSource> frames;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    frames.push_back(
        {"f.h5", "/x", {Hyperslab::Kind::regular, {{i, 1, 1, 1}, {0, 1, 1, 20}}, {}, {}}, whole({20}), false});
  }
  MappingIndex index(frames);
  CHECK(index.near(resolve({77}, {10000, 20})) == std::vector<std::size_t>{77});
  CHECK(index.near(resolve({range(9998)}, {10000, 20})) == std::vector<std::size_t>{9998, 9999});
  CHECK(index.near(resolve({range(5, 5)}, {10000, 20})).empty());
}

TEST_CASE("a huge separable mapping costs what the region asks for") {
  Shape shape{1000000, 2000, 3000};
  VirtualSource mapping{"a.h5", "/x", {Hyperslab::Kind::regular, {{0, 2, 500000, 1}, {0, 1, 1, 2000}, {0, 1, 1, 3000}}},
                        whole({500000, 2000, 3000}), false};
  auto parts = project(mapping, shape, {500000, 2000, 3000}, resolve({range(10, 14), 5, range(0, 3000, 3)}, shape));
  REQUIRE(parts.size() == 1);
  CHECK(std::get<Region>(parts[0].source) ==
        resolve({range(5, 7), range(5, 6), range(0, 3000, 3)}, {500000, 2000, 3000}));
  CHECK(std::get<AlongAxes>(parts[0].place)[0] == resolve({range(0, 4, 2)}, {4}).axes[0]);
  // A frame a source, as detectors write: the source's rank is one lower.
  VirtualSource frame{"f.h5", "/x", {Hyperslab::Kind::regular, {{77, 1, 1, 1}, {0, 1, 1, 2000}, {0, 1, 1, 3000}}},
                      whole({2000, 3000}), false};
  parts = project(frame, shape, {2000, 3000}, resolve({}, shape));
  REQUIRE(parts.size() == 1);
  CHECK(countOf(parts[0].place) == 2000 * 3000);
  CHECK(std::get<AlongAxes>(parts[0].place)[0].start == 77);
  CHECK_FALSE(mayMeet(frame, resolve({range(78)}, shape)));
  CHECK_FALSE(mayMeet(frame, resolve({range(0, 77)}, shape)));
  CHECK(mayMeet(frame, resolve({Indices{{5, 77, 6}}}, shape)));
}

TEST_CASE("mappings that cannot be are refused") {
  Shape shape{10};
  auto all = resolve({}, shape);
  auto mapping = [&](Hyperslab target, Hyperslab source) { return VirtualSource{"a", "/x", target, source, false}; };
  Hyperslab ten{Hyperslab::Kind::regular, {{0, 1, 1, 10}}, {}, {}};
  CHECK_THROWS_AS(project(mapping(whole(shape), whole({9})), shape, {9}, all), FileError);
  CHECK_THROWS_AS(project(mapping(whole(shape), ten), shape, {9}, all), FileError);
  CHECK_THROWS_AS(project(mapping(ten, {Hyperslab::Kind::regular, {{0, 0, 10, 1}}, {}, {}}), shape, {10}, all),
                  FileError);
  CHECK_THROWS_AS(project(mapping(ten, {Hyperslab::Kind::regular, {}, {}, {}}), shape, {10}, all), FileError);
  CHECK_THROWS_AS(project(mapping(ten, {Hyperslab::Kind::boxes, {}, {0, 5, 4}, {}}), shape, {10}, all), FileError);
  CHECK_THROWS_AS(project(mapping(ten, {Hyperslab::Kind::boxes, {}, {0, 5, 4, 8}, {}}), shape, {10}, all), FileError);
  CHECK_THROWS_AS(project(mapping({Hyperslab::Kind::regular, {{~0ull - 3, 1, 1, 10}}, {}, {}}, ten), shape, {10}, all),
                  FileError);
  Hyperslab grows{Hyperslab::Kind::regular, {{0, 1, unlimited, 1}}, {}, {}};
  CHECK_THROWS_AS(project(mapping(grows, ten), shape, {10}, all), FileError);
  CHECK_THROWS_AS(project(mapping(ten, grows), shape, {10}, all), FileError);
  for (auto axis : {Hyperslab::Dimension{0, 0, unlimited, 1},
                    {0, 1, unlimited, 2},
                    {0, 1, 2, unlimited},
                    {0, 1, unlimited, 0},
                    {0, 1, unlimited, unlimited}}) {
    CHECK_THROWS_AS(project(mapping({Hyperslab::Kind::regular, {axis}, {}, {}}, grows), shape, {10}, all), FileError);
    CHECK_THROWS_AS(project(mapping(grows, {Hyperslab::Kind::regular, {axis}, {}, {}}), shape, {10}, all), FileError);
  }
  Hyperslab twice{Hyperslab::Kind::regular, {{0, 1, unlimited, 1}, {0, 1, unlimited, 1}}, {}, {}};
  CHECK_THROWS_AS(project(mapping(twice, twice), {3, 3}, {3, 3}, resolve({}, {3, 3})), FileError);
  auto pattern = mapping(ten, ten);
  pattern.isPattern = true;
  CHECK_THROWS_AS(project(pattern, shape, {10}, all), Failed);
  CHECK_THROWS_AS(blockOf(pattern, 0), FileError);
  CHECK_THROWS_AS(blockOf(mapping(grows, ten), ~0ull), FileError);
  CHECK(project(mapping({Hyperslab::Kind::none}, {Hyperslab::Kind::none}), shape, {10}, all).empty());
}

TEST_CASE("a source that is larger or smaller than its mapping gives what both have, and nothing else is read") {
  Shape shape{6, 4};
  VirtualSource mapping{"a", "/x", whole(shape), whole({6, 4}), false};
  auto middle = resolve({range(2, 5)}, shape);
  for (Shape source : {Shape{10, 4}, Shape{5, 4}, Shape{6, 6}, Shape{24}, Shape{30}}) {
    auto parts = project(mapping, shape, source, middle);
    std::vector<std::uint64_t> found(12);
    for (const auto& part : parts) {
      auto from = elementsOf(part.source, source), to = elementsOf(part.place, middle.counts());
      for (std::size_t i = 0; i < to.size(); ++i) found[to[i]] = from[i];
    }
    for (std::uint64_t i = 0; i < 12; ++i) CHECK(found[i] == 8 + i);
  }
  CHECK_THROWS_AS(project(mapping, shape, {4, 4}, middle), FileError);
  CHECK_THROWS_AS(project(mapping, shape, {6, 3}, middle), FileError);
}

namespace {

// Positions of an axis that grows, one by one.
std::vector<std::uint64_t> naivePositions(const Hyperslab::Dimension& axis, std::uint64_t extent) {
  std::vector<std::uint64_t> found;
  for (std::uint64_t at = axis.start; at < extent; ++at) {
    if (axis.block == unlimited || (at - axis.start) % axis.stride < axis.block) found.push_back(at);
  }
  return found;
}

Hyperslab::Dimension randomGrowing(Random& random) {
  auto start = static_cast<std::uint64_t>(random.between(0, 5));
  if (random.chance(20)) return {start, 1, 1, unlimited};
  auto block = static_cast<std::uint64_t>(random.between(1, 4));
  return {start, block + static_cast<std::uint64_t>(random.between(0, 3)), unlimited, block};
}

}  // namespace

TEST_CASE("axes that grow hold as many positions as counting them one by one says") {
  Random random(12);
  for (int trial = 0; trial < 3000; ++trial) {
    auto axis = randomGrowing(random);
    auto extent = static_cast<std::uint64_t>(random.between(0, 40));
    auto positions = naivePositions(axis, extent);
    CAPTURE(trial);
    CHECK(positionsWithin(axis, extent) == positions.size());
    CHECK(extentHolding(axis, positions.size()) == (positions.empty() ? 0 : positions.back() + 1));
    if (axis.block != unlimited) {
      auto block = static_cast<std::uint64_t>(random.between(0, 9));
      auto one = blockOf(axis, block);
      CHECK(one.start == axis.start + block * axis.stride);
      CHECK(one.block * one.count == axis.block);
    }
  }
}

TEST_CASE("random mappings that grow pair as many positions as both shapes hold") {
  Random random(13);
  std::size_t met = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    bool first = random.chance(60);
    auto width = static_cast<std::uint64_t>(random.between(1, 4));
    auto slab = [&](const Hyperslab::Dimension& axis) {
      Hyperslab::Dimension across{0, 1, 1, width};
      return Hyperslab{Hyperslab::Kind::regular, first ? std::vector{axis, across} : std::vector{across, axis}, {}, {}};
    };
    auto shaped = [&](std::uint64_t extent) { return first ? Shape{extent, width} : Shape{width, extent}; };
    auto target = randomGrowing(random), source = randomGrowing(random);
    auto virtualShape = shaped(static_cast<std::uint64_t>(random.between(1, 25)));
    auto sourceShape = shaped(static_cast<std::uint64_t>(random.between(1, 25)));
    auto along = first ? 0 : 1;
    auto to = naivePositions(target, virtualShape[along]), from = naivePositions(source, sourceShape[along]);
    auto region = random.region(virtualShape);
    std::map<std::uint64_t, std::uint64_t> sourceOf;
    for (std::size_t i = 0; i < std::min(to.size(), from.size()); ++i) {
      for (std::uint64_t j = 0; j < width; ++j) {
        sourceOf[first ? to[i] * width + j : j * virtualShape[1] + to[i]] =
            first ? from[i] * width + j : j * sourceShape[1] + from[i];
      }
    }
    auto wanted = elementsOf(region.axes, virtualShape);
    std::vector<std::uint64_t> expected(wanted.size(), ~0ull), result = expected;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (auto found = sourceOf.find(wanted[i]); found != sourceOf.end()) expected[i] = found->second;
    }
    auto parts = project({"a", "/x", slab(target), slab(source), false}, virtualShape, sourceShape, region);
    for (const auto& part : parts) {
      auto a = elementsOf(part.source, sourceShape), b = elementsOf(part.place, region.counts());
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < b.size(); ++i) result[b[i]] = a[i];
    }
    CAPTURE(trial);
    REQUIRE(result == expected);
    met += !parts.empty();
  }
  CHECK(met > 1500);
}

TEST_CASE("blocks of a pattern that a region meets are those that looking at each finds") {
  Random random(14);
  for (int trial = 0; trial < 2000; ++trial) {
    Shape shape{static_cast<std::uint64_t>(random.between(1, 40))};
    auto axis = randomGrowing(random);
    if (axis.block == unlimited) continue;
    VirtualSource pattern{"f%b", "d%%%b", {Hyperslab::Kind::regular, {axis}, {}, {}}, whole({axis.block}), true};
    auto region = random.region(shape);
    if (region.elementCount() == 0) continue;
    auto near = blocksNear(pattern, region);
    for (std::uint64_t block = 0; block < 50; ++block) {
      auto one = blockOf(pattern, block);
      CHECK(one.file == "f" + std::to_string(block));
      CHECK(one.dataset == "d%" + std::to_string(block));
      if (!project(one, shape, {axis.block}, region).empty()) CHECK((block >= near.first && block < near.end));
    }
    auto within = blocksWithin(pattern, shape);
    CHECK((within == 0 || axis.start + (within - 1) * axis.stride < shape[0]));
    CHECK(axis.start + within * axis.stride >= shape[0]);
  }
}

TEST_CASE("names of sources are patterns") {
  CHECK(sourceName("a%b.h5", 12) == "a12.h5");
  CHECK(sourceName("%b%b", 3) == "33");
  CHECK(sourceName("100%%.h5") == "100%.h5");
  CHECK(sourceName("%%b", 7) == "%b");
  CHECK(sourceName("%%%b", 7) == "%7");
  CHECK(sourceName("odd%") == "odd%");
  CHECK(sourceName("%x%") == "%x%");
  CHECK(hasBlockNumber("%%%b"));
  CHECK_FALSE(hasBlockNumber("%%b"));
  CHECK_FALSE(hasBlockNumber("b%"));
}
