#include "core/plan/placement.h"

#include <algorithm>
#include <cstring>

#include "core/pack.h"
#include "h5cap/error.h"

namespace h5cap {
namespace {

Shape countsOf(const AlongAxes& axes) {
  Shape counts;
  counts.reserve(axes.size());
  for (const Positions& axis : axes) counts.push_back(axis.count);
  return counts;
}

std::optional<Stretch> asStretch(const AlongAxes& axes, const Shape& shape) {
  Stretch stretch{0, 1};
  bool isWhole = true;  // the axes after this one are taken as a whole
  std::uint64_t stride = 1;
  for (std::size_t k = axes.size(); k-- > 0;) {
    const Positions& axis = axes[k];
    if (axis.count != 1 && (!isWhole || !axis.indices.empty() || (axis.count > 1 && axis.step != 1)))
      return std::nullopt;
    stretch.first += (axis.count == 0 ? 0 : axis.at(0)) * stride;
    stretch.count *= axis.count;
    isWhole = isWhole && axis.count == shape[k];
    stride *= shape[k];
  }
  return stretch;
}

void putStretches(std::span<const std::byte> elements, const std::vector<Stretch>& stretches,
                  std::span<std::byte> array, std::size_t elementBytes) {
  const std::uint64_t room = array.size() / elementBytes;
  std::size_t done = 0;
  for (const Stretch& stretch : stretches) {
    const std::size_t bytes = stretch.count * elementBytes;
    if (stretch.first > room || stretch.count > room - stretch.first || bytes > elements.size() - done)
      throw Failed("placing: a stretch outside of the array");
    std::memcpy(array.data() + stretch.first * elementBytes, elements.data() + done, bytes);
    done += bytes;
  }
  if (done != elements.size()) throw Failed("placing: more elements than places");
}

}  // namespace

std::uint64_t countOf(const Placement& place) {
  if (auto* axes = std::get_if<AlongAxes>(&place)) return elementCount(countsOf(*axes));
  std::uint64_t count = 0;
  for (const Stretch& stretch : std::get<std::vector<Stretch>>(place)) count += stretch.count;
  return count;
}

std::optional<Stretch> asStretch(const Placement& place, const Shape& shape) {
  if (auto* axes = std::get_if<AlongAxes>(&place)) return asStretch(*axes, shape);
  const auto& stretches = std::get<std::vector<Stretch>>(place);
  if (stretches.size() != 1) return std::nullopt;
  return stretches.front();
}

void put(std::span<const std::byte> elements, const Placement& place, const Shape& shape, std::span<std::byte> array,
         std::size_t elementBytes) {
  if (elementBytes == 0 || elements.size() % elementBytes != 0) throw Failed("placing: no whole number of elements");
  if (auto* stretches = std::get_if<std::vector<Stretch>>(&place))
    return putStretches(elements, *stretches, array, elementBytes);
  const auto& axes = std::get<AlongAxes>(place);
  const Shape counts = countsOf(axes);
  if (elementCount(counts) != elements.size() / elementBytes) throw Failed("placing: elements and places differ");
  AlongAxes all;
  all.reserve(axes.size());
  for (std::uint64_t count : counts) all.push_back(Positions{0, 1, count, {}, false});
  copyElements(elements, counts, all, array, shape, axes, elementBytes);
}

void pick(std::span<const std::byte> array, std::span<const std::uint64_t> numbers, std::span<std::byte> elements,
          std::size_t elementBytes) {
  if (elements.size() != numbers.size() * elementBytes) throw Failed("picking: another number of elements");
  const std::uint64_t room = array.size() / elementBytes;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] >= room) throw Failed("picking: an element outside of the array");
    std::memcpy(elements.data() + i * elementBytes, array.data() + numbers[i] * elementBytes, elementBytes);
  }
}

}  // namespace h5cap
