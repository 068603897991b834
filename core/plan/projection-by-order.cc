#include "core/plan/projection-by-order.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "core/checked-size.h"
#include "core/pack.h"
#include "core/plan/meeting.h"
#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::size_t MAX_INTERVALS = 1'000'000;
constexpr std::size_t MANY_REGIONS = 256;  // from here on, single elements cost less
constexpr std::uint64_t MAX_POINTS = 262'144;

// Elements that follow each other in the source's selection and in the region.
struct Interval {
  std::uint64_t number = 0;  // of the first one, in the source's selection
  std::uint64_t place = 0;   // of the first one, in the region
  std::uint64_t count = 0;
};

class Intervals {
 public:
  void add(std::uint64_t number, std::uint64_t place, std::uint64_t count) {
    if (!all_.empty()) {
      Interval& last = all_.back();
      if (last.number + last.count == number && last.place + last.count == place) {
        last.count += count;
        return;
      }
    }
    if (all_.size() == MAX_INTERVALS) {
      throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
    }
    all_.push_back({number, place, count});
  }

  const std::vector<Interval>& all() const { return all_; }

 private:
  std::vector<Interval> all_;
};

bool isDense(const Positions& positions) {
  return positions.indices.empty() && (positions.step == 1 || positions.count <= 1);
}

// Where a row of the virtual selection meets the region, `place` being that of the row's first position there.
void addRow(Intervals& intervals, const Meeting& meeting, std::uint64_t number, std::uint64_t place) {
  const Positions &from = meeting.inMapping, &to = meeting.inRegion;
  if (isDense(from) && isDense(to)) return intervals.add(number + from.at(0), place + to.at(0), to.count);
  for (std::uint64_t i = 0; i < to.count; ++i) intervals.add(number + from.at(i), place + to.at(i), 1);
}

// All meetings of a virtual selection and a region, in C order of the selection.
Intervals intervalsOf(const OrderedSelection& target, const Region& region) {
  Intervals intervals;
  const auto counts = region.counts();
  const auto outerRank = region.axes.size() - 1;
  const auto steps = strides(counts);
  target.forEachRow(region, [&](const SelectedRow& row) {
    auto meeting = meet(region.axes[outerRank], row.last);
    if (meeting.inRegion.count == 0) return;
    std::vector<Positions> places;
    for (std::size_t k = 0; k < outerRank; ++k) {
      places.push_back(meet(region.axes[k], SlabAxis{row.outer[k], 1, 1, 1}).inRegion);
      if (places.back().count == 0) return;
    }
    // Lists may ask for one row several times.
    std::vector<std::uint64_t> at(outerRank, 0);
    for (;;) {
      std::uint64_t place = 0;
      for (std::size_t k = 0; k < outerRank; ++k) place += places[k].at(at[k]) * steps[k];
      addRow(intervals, meeting, row.first, place);
      auto k = outerRank;
      while (k > 0 && at[k - 1] + 1 == places[k - 1].count) at[--k] = 0;
      if (k == 0) return;
      ++at[k - 1];
    }
  });
  return intervals;
}

// The region of a source that elements `number` and on of its selection are, as many as are one, and how many.
std::pair<Region, std::uint64_t> regionFrom(const OrderedSelection& source, std::uint64_t number, std::uint64_t most) {
  Region region;
  if (source.axes()) {
    Region numbers;
    for (const auto& axis : *source.axes()) numbers.axes.push_back(regular(0, 1, axis.count));
    auto run = runFrom(numbers, number, most);
    for (std::size_t k = 0; k < numbers.axes.size(); ++k)
      region.axes.push_back(coordinates((*source.axes())[k], run.part.axes[k]));
    return {std::move(region), run.count};
  }
  auto row = source.rowOf(number);
  const auto begin = number - row.first;
  const auto count = std::min(most, row.last.count - begin);
  for (auto coordinate : row.outer) region.axes.push_back(regular(coordinate, 1, 1));
  region.axes.push_back(coordinates(row.last, regular(begin, 1, count)));
  return {std::move(region), count};
}

// The next `count` elements of stretches, which lose them.
std::vector<Stretch> takeFront(std::span<Stretch>& stretches, std::uint64_t count) {
  std::vector<Stretch> taken;
  while (count > 0) {
    Stretch& front = stretches.front();
    const auto part = std::min(front.count, count);
    taken.push_back({front.first, part});
    front.first += part;
    front.count -= part;
    count -= part;
    if (front.count == 0) stretches = stretches.subspan(1);
  }
  return taken;
}

// Regions of the source, each of elements that follow each other in its selection; nothing when they are too many.
std::optional<std::vector<ProjectedPart>> asRegions(const std::vector<Interval>& intervals,
                                                    const OrderedSelection& source, const Shape& sourceShape) {
  ProjectedParts parts(sourceShape);
  for (std::size_t i = 0; i < intervals.size();) {
    auto number = intervals[i].number;
    std::uint64_t left = 0;
    std::vector<Stretch> places;
    for (; i < intervals.size() && intervals[i].number == number + left; ++i) {
      places.push_back({intervals[i].place, intervals[i].count});
      left += intervals[i].count;
    }
    std::span<Stretch> rest(places);
    while (left > 0) {
      if (parts.size() == MANY_REGIONS) return std::nullopt;
      auto [region, count] = regionFrom(source, number, left);
      parts.add(std::move(region), takeFront(rest, count));
      number += count;
      left -= count;
    }
  }
  return parts.take();
}

ProjectedPart asPoints(const std::vector<Interval>& intervals, const OrderedSelection& source,
                       const Shape& sourceShape) {
  PointList points{{}, sourceShape.size()};
  std::vector<Stretch> places;
  std::uint64_t total = 0;
  for (const auto& interval : intervals) {
    total += interval.count;
    if (total > MAX_POINTS) throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
    places.push_back({interval.place, interval.count});
    for (std::uint64_t done = 0; done < interval.count;) {
      auto row = source.rowOf(interval.number + done);
      const auto begin = interval.number + done - row.first;
      const auto count = std::min(interval.count - done, row.last.count - begin);
      for (std::uint64_t i = 0; i < count; ++i) {
        points.coordinates.insert(points.coordinates.end(), row.outer.begin(), row.outer.end());
        points.coordinates.push_back(row.last.at(begin + i));
      }
      done += count;
    }
  }
  for (std::size_t i = 0; i < points.coordinates.size(); ++i)
    if (points.coordinates[i] >= sourceShape[i % points.rank]) mappedOutside();
  return {std::move(points), std::move(places)};
}

}  // namespace

std::vector<ProjectedPart> projectByOrder(const OrderedSelection& target, const OrderedSelection& source,
                                          const Shape& sourceShape, const Region& region) {
  const Intervals intervals = intervalsOf(target, region);
  for (const auto& interval : intervals.all())
    if (interval.number >= source.count() || interval.count > source.count() - interval.number) mappedOutside();
  if (auto parts = asRegions(intervals.all(), source, sourceShape)) return std::move(*parts);
  return {asPoints(intervals.all(), source, sourceShape)};
}

}  // namespace h5cap
