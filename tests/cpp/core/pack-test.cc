// Moving elements, runs, chunk parts and tiles, all against naive loops over coordinates.
#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "core/chunk-grid.h"
#include "core/pack.h"
#include "core/tiling.h"
#include "h5cap/error.h"
#include "h5cap/node.h"
#include "random.h"

using namespace h5cap;

namespace {

Bytes numbered(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 131 + i / 251) & 0xff);
  return bytes;
}

Shape shapeAbove(const std::vector<Positions>& positions, Random& random) {
  Shape shape;
  for (const auto& axis : positions) {
    std::uint64_t highest = 0;
    for (std::uint64_t i = 0; i < axis.count; ++i) highest = std::max(highest, axis.at(i));
    shape.push_back(highest + 1 + static_cast<std::uint64_t>(random.between(0, 2)));
  }
  return shape;
}

// As many positions as `like` has.
Positions positionsLike(const Positions& like, Random& random) {
  Positions result{static_cast<std::uint64_t>(random.between(0, 3)),
                   static_cast<std::uint64_t>(random.chance(60) ? 1 : random.between(1, 3)), like.count, {}, false};
  if (random.chance(20)) {
    for (auto i = like.count; i-- > 0;) result.indices.push_back(result.start + i * result.step);
  }
  return result;
}

}  // namespace

TEST_CASE("copied elements are those that coordinates name") {
  Random random(5);
  for (int trial = 0; trial < 5000; ++trial) {
    auto rank = static_cast<std::size_t>(random.between(0, 4));
    std::size_t elementBytes =
        std::vector<std::size_t>{1, 2, 3, 4, 8, 12}[static_cast<std::size_t>(random.between(0, 5))];
    std::vector<Positions> source, target;
    for (std::size_t k = 0; k < rank; ++k) {
      auto axis = random.positions(static_cast<std::uint64_t>(random.between(1, 7)));
      if (random.chance(40)) axis = Positions{0, 1, axis.count, {}, false};
      source.push_back(axis);
      target.push_back(random.chance(40) ? Positions{0, 1, axis.count, {}, false} : positionsLike(axis, random));
    }
    auto sourceShape = shapeAbove(source, random), targetShape = shapeAbove(target, random);
    auto from = numbered(elementCount(sourceShape) * elementBytes);
    Bytes to(elementCount(targetShape) * elementBytes), expected = to;
    copyElements(from, sourceShape, source, to, targetShape, target, elementBytes);
    auto sources = elementsOf(source, sourceShape), targets = elementsOf(target, targetShape);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      std::memcpy(&expected[targets[i] * elementBytes], &from[sources[i] * elementBytes], elementBytes);
    }
    CAPTURE(trial);
    REQUIRE(to == expected);
  }
}

TEST_CASE("copying outside of its arrays is refused") {
  Bytes from(24), to(24);
  std::vector<Positions> whole = {{0, 1, 6, {}, false}};
  CHECK_NOTHROW(copyElements(from, {6}, whole, to, {6}, whole, 4));
  CHECK_THROWS_AS(copyElements(from, {5}, whole, to, {6}, whole, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {7}, whole, to, {7}, whole, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {6}, whole, to, {6}, {{1, 1, 6, {}, false}}, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {6}, whole, to, {6}, {{0, 1, 5, {}, false}}, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {6}, {{0, ~0ull, 6, {}, false}}, to, {6}, whole, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {~0ull / 2, 4}, {whole[0], whole[0]}, to, {6}, whole, 4), Failed);
  CHECK_THROWS_AS(copyElements(from, {6}, {{0, 1, 2, {0, 6}, false}}, to, {6}, {{0, 1, 2, {}, false}}, 4), Failed);
}

TEST_CASE("fill repeats its element") {
  Bytes element = {std::byte{1}, std::byte{2}, std::byte{3}}, target(21);
  fillElements(element, target);
  for (std::size_t i = 0; i < target.size(); ++i) CHECK(target[i] == element[i % 3]);
  Bytes odd(20);
  CHECK_THROWS_AS(fillElements(element, odd), Failed);
}

TEST_CASE("runs follow one another through a region and are as large as they may be") {
  Random random(6);
  for (int trial = 0; trial < 2000; ++trial) {
    Shape shape;
    for (auto k = random.between(0, 4); k > 0; --k) shape.push_back(static_cast<std::uint64_t>(random.between(1, 6)));
    auto region = random.region(shape);
    auto all = elementsOf(region.axes, shape);
    auto most = static_cast<std::uint64_t>(random.between(1, 40));
    std::vector<std::uint64_t> seen;
    while (seen.size() < all.size()) {
      auto run = runFrom(region, seen.size(), most);
      REQUIRE(run.first == seen.size());
      REQUIRE(run.count >= 1);
      REQUIRE(run.count <= most);
      auto part = elementsOf(run.part.axes, shape);
      REQUIRE(part.size() == run.count);
      seen.insert(seen.end(), part.begin(), part.end());
    }
    CHECK(seen == all);
  }
  auto whole = resolve({}, {1u << 20, 1u << 20, 1u << 20});
  CHECK(runFrom(whole, 0, 1u << 22).count == 1u << 22);
  CHECK(runFrom(whole, 5, 1u << 22).count == (1u << 20) - 5);
  CHECK(runFrom(resolve({}, {3, 4}), 0, 1000).count == 12);
  CHECK_THROWS_AS(runFrom(resolve({}, {3, 4}), 12, 1), Failed);
}

TEST_CASE("chunk parts cover a region once, in order of chunks") {
  Random random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    Shape shape, chunk;
    for (auto k = random.between(0, 3); k > 0; --k) {
      shape.push_back(static_cast<std::uint64_t>(random.between(1, 12)));
      chunk.push_back(static_cast<std::uint64_t>(random.between(1, 5)));
    }
    auto region = random.region(shape);
    auto all = elementsOf(region.axes, shape);
    std::vector<std::uint64_t> result(all.size(), ~0ull);
    auto box = chunkBox(region, chunk);
    Shape before;
    forEachChunk(region, chunk, [&](const ChunkPart& part) {
      CHECK((before.empty() || before < part.chunk));
      before = part.chunk;
      std::vector<Positions> inShape;
      for (std::size_t k = 0; k < shape.size(); ++k) {
        CHECK(part.chunk[k] >= box.first[k]);
        CHECK(part.chunk[k] < box.first[k] + box.count[k]);
        Positions axis;
        for (std::uint64_t i = 0; i < part.inChunk[k].count; ++i) {
          REQUIRE(part.inChunk[k].at(i) < chunk[k]);
          axis.indices.push_back(part.chunk[k] * chunk[k] + part.inChunk[k].at(i));
        }
        axis.count = axis.indices.size();
        inShape.push_back(axis);
      }
      auto from = elementsOf(inShape, shape), to = elementsOf(part.inRegion, region.counts());
      REQUIRE(from.size() == to.size());
      for (std::size_t i = 0; i < to.size(); ++i) {
        CHECK(result[to[i]] == ~0ull);
        result[to[i]] = from[i];
      }
    });
    REQUIRE(result == all);
  }
  CHECK(chunkBox(resolve({range(3, 3)}, {9}), {4}).count == Shape{0});
  CHECK_THROWS_AS(chunkBox(resolve({}, {9}), {0}), FileError);
}

TEST_CASE("tiles cover a region once, in order, small enough, and never share a chunk without need") {
  Random random(8);
  for (int trial = 0; trial < 3000; ++trial) {
    Shape shape, chunk;
    for (auto k = random.between(0, 3); k > 0; --k) {
      shape.push_back(static_cast<std::uint64_t>(random.between(1, 15)));
      chunk.push_back(static_cast<std::uint64_t>(random.between(1, 6)));
    }
    if (random.chance(25)) chunk.clear();
    auto region = random.region(shape);
    auto tileBytes = static_cast<std::uint64_t>(random.between(1, 200));
    Tiling tiling(region, chunk, 2, tileBytes);
    auto all = elementsOf(region.axes, shape);
    std::vector<std::uint64_t> result(all.size(), ~0ull);
    std::uint64_t tiles = 0, before = 0;
    while (auto tile = tiling.next()) {
      auto from = elementsOf(tile->region.axes, shape), to = elementsOf(tile->inResult, region.counts());
      REQUIRE(from.size() == to.size());
      CHECK(from.size() <= std::max<std::uint64_t>(tileBytes / 2, 1));
      CHECK((tiles == 0 || to.front() > before));
      before = to.front();
      ++tiles;
      for (std::size_t i = 0; i < to.size(); ++i) {
        REQUIRE(result[to[i]] == ~0ull);
        result[to[i]] = from[i];
      }
    }
    CHECK(result == all);
    CHECK(tiling.tileCount() == tiles);
  }
}

TEST_CASE("chunks smaller than a tile are met by one tile only") {
  auto region = resolve({range(3, 95), range(1, 90, 3)}, {100, 100});
  Shape chunk{10, 20};
  std::set<Shape> seen;
  Tiling tiling(region, chunk, 1, 400);
  while (auto tile = tiling.next()) {
    forEachChunk(tile->region, chunk, [&](const ChunkPart& part) { CHECK(seen.insert(part.chunk).second); });
  }
  CHECK(seen.size() == 50);
}

TEST_CASE("tiling 10^12 elements costs nothing until asked") {
  Tiling dense(resolve({}, {1000000, 1000000}), {1, 1000000}, 8, 1u << 20);
  CHECK(dense.tileCount() == 8000000);
  auto first = dense.next();
  REQUIRE(first);
  CHECK(first->region.elementCount() * 8 <= 1u << 20);
  Tiling line(resolve({range(7)}, {1000000000000}), {4096}, 8, 1u << 20);
  CHECK(line.tileCount() == 7629395);
  CHECK(Tiling(resolve({range(2, 2)}, {9}), {}, 8, 64).tileCount() == 0);
  CHECK_FALSE(Tiling(resolve({range(2, 2)}, {9}), {}, 8, 64).next());
}
