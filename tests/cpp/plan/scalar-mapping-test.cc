// A mapping between a scalar and other than one element: refused, where rows were looked for that a scalar has not.
#include <doctest/doctest.h>

#include "core/plan/projection.h"
#include "h5cap/error.h"

using namespace h5cap;

namespace {

const VirtualSource WHOLE{"a.h5", "/x", {Hyperslab::Kind::all, {}, {}, {}}, {Hyperslab::Kind::all, {}, {}, {}}};

}  // namespace

TEST_CASE("a scalar virtual dataset of a source with many elements is refused") {
  CHECK_THROWS_AS(project(WHOLE, {}, {2, 3}, Region{}), FileError);
}

// Which divided by the number of its axes.
TEST_CASE("a scalar source of a virtual dataset with many elements is refused, however often it is asked for") {
  RegionAxis first{0, 1, 300, std::vector<std::uint64_t>(300, 0), false};
  CHECK_THROWS_AS(project(WHOLE, {5}, {}, Region{{first}}), FileError);
}

TEST_CASE("a scalar maps to one element, of any rank") {
  CHECK(project(WHOLE, {}, {1, 1}, Region{}).size() == 1);
  CHECK(project(WHOLE, {1}, {}, Region{{RegionAxis{0, 1, 1, {}, false}}}).size() == 1);
}
