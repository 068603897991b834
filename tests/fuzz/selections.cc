// Selections of clients, against any shape: what they mean lies within the shape, is cut into replies that are all of
// it once, and composes as it does in NumPy.
#include <algorithm>

#include "core/plan/cut.h"
#include "core/tiling.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr std::uint64_t FEW = 2048;  // elements, which can be looked at one by one
constexpr int MOST_CUTS = 24;

bool areWithin(const std::vector<std::uint64_t>& coordinates, const Shape& shape) {
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    if (coordinates[i] >= shape[i % shape.size()]) return false;
  }
  return true;
}

void checkCoordinates(const Resolved& resolved, std::uint64_t count) {
  const std::uint64_t some = std::min<std::uint64_t>(count, 64);
  for (std::uint64_t first : {std::uint64_t{0}, count - some}) {
    const auto found = resolved.coordinates(first, some);
    insist(found.size() == some * resolved.datasetShape().size(), "every element has its coordinates");
    insist(areWithin(found, resolved.datasetShape()), "elements lie within the shape");
  }
}

// Replies follow one another without gaps.
void checkCuts(const Resolved& resolved, std::uint64_t count, std::uint64_t most) {
  std::uint64_t done = 0;
  for (int i = 0; i < MOST_CUTS && done < count; ++i) {
    const Cut cut = cutFrom(resolved, done, most);
    insist(cut.first == done, "a reply begins where it is to begin");
    insist(cut.count > 0 && cut.count <= most && cut.count <= count - done, "a reply has as much as it may");
    insist(countOf(cut.wanted) == cut.count, "a reply counts its elements");
    if (cut.count <= FEW) {
      const auto expected = resolved.coordinates(done, cut.count);
      if (auto* points = std::get_if<PointList>(&cut.wanted))
        insist(points->coordinates == expected, "a reply has the elements that it is to have");
    }
    done += cut.count;
  }
}

void checkTiles(const Resolved& resolved, FromBytes& from) {
  if (!resolved.isOrthogonal()) return;
  const Region& region = *resolved.region();
  Shape chunk = from.flag() ? Shape() : Shape(region.axes.size());
  for (auto& extent : chunk) extent = std::max<std::uint64_t>(from.number(), 1);
  Tiling tiling(region, chunk, 1 + from.upTo(40), 1 + from.raw64() % 4096);
  std::uint64_t done = 0;
  int count = 0;
  for (; count < MOST_CUTS; ++count) {
    auto tile = tiling.next();
    if (!tile) break;
    const Shape counts = tile->region.counts();
    insist(tile->inResult.size() == counts.size(), "a tile has a place along every axis");
    for (std::size_t k = 0; k < counts.size(); ++k) {
      insist(tile->inResult[k].count == counts[k], "a tile has a place for every element");
      insist(allBelow(tile->inResult[k], region.axes[k].count), "a tile lies within the result");
    }
    done += tile->region.elementCount();
  }
  if (count < MOST_CUTS) insist(done == region.elementCount(), "tiles are the whole region");
}

std::vector<std::uint64_t> allOf(const Resolved& resolved) { return resolved.coordinates(0, resolved.elementCount()); }

// dataset[outer][inner], element by element.
void checkComposed(const Selection& outer, const Resolved& whole, const Selection& inner) {
  if (whole.elementCount() > FEW) return;
  const Shape shape = whole.shape();
  const Resolved part(inner, shape);
  if (part.elementCount() > FEW) return;
  insistAccepted(
      [&] {
        const Resolved composed(compose(outer, inner, whole.datasetShape()), whole.datasetShape());
        insist(composed.shape() == part.shape(), "a part of a part has the part's shape");
        const auto numbers = allOf(part);
        std::vector<std::uint64_t> expected;
        for (std::uint64_t i = 0; i < part.elementCount(); ++i) {
          std::uint64_t number = 0;
          for (std::size_t k = 0; k < shape.size(); ++k) number = number * shape[k] + numbers[i * shape.size() + k];
          const auto element = whole.coordinates(number, 1);
          expected.insert(expected.end(), element.begin(), element.end());
        }
        insist(allOf(composed) == expected, "a part of a part has the part's elements");
      },
      "a part of a part is a part");
}

void use(const Selection& selection, FromBytes& from) {
  insistSurvives<rpc::Selection>(selection);
  const Resolved resolved(selection, shape(from, 4));
  const std::uint64_t count = resolved.elementCount();
  insist(elementCount(resolved.shape()) == count, "a result has as many elements as its shape");
  if (count == 0) return;
  checkCoordinates(resolved, count);
  checkCuts(resolved, count, 1 + from.raw64() % 5000);
  accepts([&] { checkTiles(resolved, from); });
  for (int i = 0; i < 3; ++i) {
    accepts([&] { checkComposed(selection, resolved, fuzz::selection(from)); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FromBytes from(data, size);
  if (from.flag()) {
    accepts([&] { use(fuzz::selection(from), from); });
    return 0;
  }
  FromBytes first = from.split(64);
  accepts([&] { use(wire::read(Message(from.data(), from.size()).root<rpc::Selection>()), first); });
  return 0;
}
