// Slots of external raw files: where each byte is and which slots a region touches, against looking at every byte.  Not
// covered: reading (tests/conformance).
#include <doctest/doctest.h>

#include "core/slot-map.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

// (slot, offset in its file) of each byte.
std::vector<std::pair<std::size_t, std::uint64_t>> naiveBytes(const std::vector<ExternalFile>& files,
                                                              std::uint64_t bytes) {
  std::vector<std::pair<std::size_t, std::uint64_t>> result;
  for (std::size_t slot = 0; slot < files.size(); ++slot) {
    for (std::uint64_t i = 0; i < files[slot].size && result.size() < bytes; ++i)
      result.push_back({slot, files[slot].offset + i});
  }
  return result;
}

}  // namespace

TEST_CASE("random slots: bytes and slots of regions are those that looking at every byte finds") {
  Random random(31);
  std::size_t several = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    Shape shape;
    for (auto k = random.between(0, 3); k > 0; --k) shape.push_back(static_cast<std::uint64_t>(random.between(1, 7)));
    auto elementBytes = static_cast<std::size_t>(random.between(1, 9));
    std::uint64_t bytes = elementCount(shape) * elementBytes, left = bytes;
    std::vector<ExternalFile> files;
    while (left > 0) {
      auto size = static_cast<std::uint64_t>(random.between(0, 40));
      files.push_back({"f", static_cast<std::uint64_t>(random.between(0, 100)), size});
      left -= std::min(left, size);
    }
    if (random.chance(50)) files.back().size = unlimited;
    auto naive = naiveBytes(files, bytes);
    SlotMap map(files);
    CAPTURE(trial);
    for (std::uint64_t i = 0; i < bytes; ++i) {
      auto piece = map.at(i, bytes - i);
      CHECK(piece.slot == naive[i].first);
      CHECK(piece.offset == naive[i].second);
      CHECK((piece.count > 0 && naive[i + piece.count - 1].first == piece.slot));
    }
    auto region = random.region(shape);
    if (region.elementCount() == 0) continue;
    std::set<std::size_t> expected;
    for (auto element : elementsOf(region.axes, shape)) {
      for (std::size_t b = 0; b < elementBytes; ++b) expected.insert(naive[element * elementBytes + b].first);
    }
    auto found = map.touched(region, shape, elementBytes, 1000);
    // Slots of no bytes between two that are touched make no difference.
    for (auto slot : std::set<std::size_t>(found)) {
      if (files[slot].size == 0) found.erase(slot);
    }
    CHECK(found == expected);
    several += found.size() > 1;
  }
  CHECK(several > 500);
}

TEST_CASE("slots that cannot be are refused, and a search ends at its limit") {
  std::vector<ExternalFile> ten{{"f", 0, 10}}, far{{"f", ~0ull - 3, 10}};
  CHECK_THROWS_AS(SlotMap(ten).at(10, 1), FileError);
  CHECK_THROWS_AS(SlotMap(far).at(0, 1), FileError);
  CHECK_THROWS_AS(SlotMap(far).at(5, 1), FileError);
  std::vector<ExternalFile> tooMany{{"f", 0, ~0ull - 5}, {"g", 0, 100}};
  CHECK_THROWS_AS(SlotMap{tooMany}, FileError);
  CHECK_THROWS_AS(SlotMap({}).at(0, 1), FileError);
  CHECK_THROWS_AS(SlotMap(ten).touched(resolve({}, {11}), {11}, 1, 5), FileError);
  std::vector<ExternalFile> many(1000, ExternalFile{"f", 0, 1});
  CHECK(SlotMap(many).touched(resolve({}, {1000}), {1000}, 1, 5).size() == 6);
}
