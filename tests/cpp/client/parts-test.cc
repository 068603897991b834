// What has arrived of a result, beside a naive model: runs in any order, twice, outside; and runs as boxes.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "client/src/reading/parts.h"
#include "client/src/reading/reply.h"
#include "h5cap/error.h"
#include "tests/cpp/core/random.h"

using namespace h5cap;
using namespace h5cap::detail;

namespace {

std::vector<ElementRun> gapsOf(const std::vector<bool>& here) {
  std::vector<ElementRun> gaps;
  for (std::uint64_t i = 0; i < here.size(); ++i) {
    if (here[i]) continue;
    if (gaps.empty() || gaps.back().first + gaps.back().count != i) gaps.push_back({i, 0});
    ++gaps.back().count;
  }
  return gaps;
}

bool same(const std::vector<ElementRun>& a, const std::vector<ElementRun>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](auto x, auto y) { return x.first == y.first && x.count == y.count; });
}

}  // namespace

TEST_CASE("parts in any order are what a list of flags says") {
  Random random(7);
  int refused = 0, complete = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const auto total = static_cast<std::uint64_t>(random.between(0, 40));
    Parts parts(total);
    std::vector<bool> here(total);
    for (int step = 0; step < 60 && !parts.isComplete(); ++step) {
      ElementRun run{static_cast<std::uint64_t>(random.between(0, 44)),
                     static_cast<std::uint64_t>(random.between(0, 9))};
      bool fits = run.first + run.count <= total;
      for (auto i = run.first; fits && i < run.first + run.count; ++i) fits = !here[i];
      if (fits) {
        parts.add(run);
        for (auto i = run.first; i < run.first + run.count; ++i) here[i] = true;
      } else {
        CHECK_THROWS_AS(parts.add(run), FileError);  // and nothing has changed
        ++refused;
      }
      const auto gaps = gapsOf(here);
      REQUIRE(same(parts.gaps(), gaps));
      REQUIRE(parts.isComplete() == gaps.empty());
      if (!gaps.empty()) REQUIRE(same({parts.firstGap()}, {gaps.front()}));
    }
    complete += parts.isComplete();
  }
  CHECK(refused > 1000);
  CHECK(complete > 10);
}

TEST_CASE("numbers near the edge do not wrap around") {
  Parts parts(10);
  CHECK_THROWS_AS(parts.add({~0ull, 2}), FileError);
  CHECK_THROWS_AS(parts.add({2, ~0ull}), FileError);
  CHECK_THROWS_AS(parts.add({11, 0}), FileError);
  parts.add({10, 0});
  CHECK(parts.gaps().size() == 1);
}

TEST_CASE("a run as boxes is the elements of the run, once and in order") {
  Random random(8);
  for (int round = 0; round < 300; ++round) {
    Shape counts;
    for (auto rank = random.between(0, 4); rank > 0; --rank)
      counts.push_back(static_cast<std::uint64_t>(random.between(1, 6)));
    const auto total = static_cast<std::int64_t>(elementCount(counts));
    const auto first = random.between(0, total);
    const ElementRun run{static_cast<std::uint64_t>(first),
                         static_cast<std::uint64_t>(random.between(0, total - first))};
    std::vector<std::uint64_t> numbers;
    for (auto& box : boxesOf(counts, run)) {
      std::vector<std::uint64_t> inBox{0};
      for (std::size_t axis = 0; axis < counts.size(); ++axis) {
        std::vector<std::uint64_t> longer;
        for (auto head : inBox)
          for (std::uint64_t i = 0; i < box[axis].count; ++i) longer.push_back(head * counts[axis] + box[axis].at(i));
        inBox = longer;
      }
      numbers.insert(numbers.end(), inBox.begin(), inBox.end());
    }
    REQUIRE(numbers.size() == run.count);
    for (std::uint64_t i = 0; i < run.count; ++i) CHECK(numbers[i] == run.first + i);
  }
}
