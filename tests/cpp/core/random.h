// Seeded random values for property tests, and naive models to compare with.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/pack.h"

namespace h5cap {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // In [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  bool chance(int percent) { return between(1, 100) <= percent; }

  Shape shape(std::size_t rank, std::uint64_t highest) {
    Shape result;
    for (std::size_t k = 0; k < rank; ++k) result.push_back(static_cast<std::uint64_t>(between(0, highest)));
    return result;
  }

  // Positions within an extent above zero.
  Positions positions(std::uint64_t extent) {
    auto top = static_cast<std::int64_t>(extent) - 1;
    Positions result;
    if (chance(30)) {
      for (auto n = between(1, 6); n > 0; --n) {
        result.indices.push_back(static_cast<std::uint64_t>(between(0, top)));
      }
      result.count = result.indices.size();
      return result;
    }
    result.start = static_cast<std::uint64_t>(between(0, top));
    result.step = static_cast<std::uint64_t>(between(1, 4));
    auto most = static_cast<std::int64_t>((extent - result.start - 1) / result.step + 1);
    result.count = static_cast<std::uint64_t>(chance(30) ? most : between(1, most));
    return result;
  }

  Region region(const Shape& shape) {
    Region result;
    for (auto extent : shape) result.axes.push_back(positions(extent));
    return result;
  }

 private:
  std::mt19937_64 engine_;
};

// All coordinates of an array in C order.
inline std::vector<Shape> coordinatesOf(const Shape& counts) {
  std::vector<Shape> result;
  std::uint64_t total = 1;
  for (auto count : counts) total *= count;
  for (std::uint64_t i = 0; i < total; ++i) {
    Shape at(counts.size());
    auto rest = i;
    for (std::size_t k = counts.size(); k-- > 0; rest /= counts[k]) at[k] = rest % counts[k];
    result.push_back(at);
  }
  return result;
}

inline std::uint64_t offsetOf(const Shape& at, const Shape& shape) {
  std::uint64_t offset = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) offset = offset * shape[k] + at[k];
  return offset;
}

// Offsets, in an array of `shape`, of the elements of a region in C order.
inline std::vector<std::uint64_t> elementsOf(const std::vector<Positions>& positions, const Shape& shape) {
  Shape counts;
  for (const auto& axis : positions) counts.push_back(axis.count);
  std::vector<std::uint64_t> result;
  for (const auto& at : coordinatesOf(counts)) {
    Shape element;
    for (std::size_t k = 0; k < at.size(); ++k) element.push_back(positions[k].at(at[k]));
    result.push_back(offsetOf(element, shape));
  }
  return result;
}

}  // namespace h5cap
