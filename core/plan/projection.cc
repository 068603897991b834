// Two ways: axis by axis, when the axes of the two selections pair up (ranges, strides and blocks of equal counts);
// else by the order of their elements, through ordered-selection.h.
#include "core/plan/projection.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/checked-size.h"
#include "core/ordered-selection.h"
#include "core/pack.h"
#include "core/positions.h"
#include "core/source-name.h"
#include "core/unlimited-axis.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::size_t MAX_PARTS = 65'536;
constexpr std::size_t MAX_INTERVALS = 1'000'000;
constexpr std::size_t MANY_REGIONS = 256;             // from here on, single elements cost less
constexpr std::uint64_t MAX_POINTS = 262'144;
constexpr std::uint64_t MAX_STEPS = 1u << 26;  // along one axis, where there is no arithmetic

// Which positions of a region's axis meet which elements of a mapping's axis; the two have the same count.
struct Meeting {
  Positions inRegion;
  Positions inMapping;  // element numbers along the axis, not coordinates
};

// A mapping without gaps and a region that ascends: arithmetic, however long they are.
Meeting meetDense(const Positions& region, std::uint64_t start, std::uint64_t count) {
  auto begin = lowerBound(region, start);
  auto end = count > unlimited - start ? region.count : lowerBound(region, start + count, begin);
  auto inMapping = subset(region, begin, end - begin);
  inMapping.dropped = false;
  inMapping.start -= inMapping.indices.empty() && inMapping.count > 0 ? start : 0;
  for (auto& index : inMapping.indices) index -= start;
  return {regular(begin, 1, end - begin), std::move(inMapping)};
}

// The general case costs as many steps as the region has positions along the axis, or the mapping where that is less.
Meeting meet(const Positions& region, const SlabAxis& axis) {
  auto ascends = isAscending(region);
  if (axis.isDense() && ascends) return meetDense(region, axis.start, axis.count);
  if (std::min(axis.count, region.count) > MAX_STEPS) {
    throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
  }
  Meeting meeting;
  auto add = [&](std::uint64_t inRegion, std::uint64_t inMapping) {
    meeting.inRegion.indices.push_back(inRegion);
    meeting.inMapping.indices.push_back(inMapping);
  };
  if (region.indices.empty() && axis.count < region.count) {
    for (std::uint64_t i = 0; i < axis.count; ++i) {
      auto coordinate = axis.at(i);
      auto j = lowerBound(region, coordinate);
      if (j < region.count && region.at(j) == coordinate) add(j, i);
    }
  } else {
    // Where the region steps over the mapping as a whole there is nothing to look for.
    auto from = ascends ? lowerBound(region, axis.start) : 0;
    for (auto j = from; j < region.count; ++j) {
      auto coordinate = region.at(j);
      if (coordinate > axis.last() && ascends) break;
      if (auto i = axis.find(coordinate)) add(j, *i);
    }
  }
  meeting.inRegion = normalised(std::move(meeting.inRegion));
  meeting.inMapping = normalised(std::move(meeting.inMapping));
  return meeting;
}

Positions coordinates(const SlabAxis& axis, const Positions& numbers) {
  if (numbers.indices.empty() && axis.isDense())
    return regular(axis.start + numbers.start, numbers.step, numbers.count);
  if (numbers.indices.empty() && axis.block == 1) {
    return regular(axis.at(numbers.start), numbers.count > 1 ? numbers.step * axis.stride : 1, numbers.count);
  }
  Positions result;
  result.indices.reserve(numbers.count);
  for (std::uint64_t i = 0; i < numbers.count; ++i) result.indices.push_back(axis.at(numbers.at(i)));
  result.count = numbers.count;
  return normalised(std::move(result));
}

std::vector<std::size_t> longAxes(const std::vector<SlabAxis>& axes) {
  std::vector<std::size_t> result;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (axes[k].count > 1) result.push_back(k);
  }
  return result;
}

// Whether axes pair up, those with one element aside.  The first pair may differ: the longer one has more rows behind.
bool arePaired(const std::vector<SlabAxis>& a, const std::vector<SlabAxis>& b) {
  auto longA = longAxes(a);
  auto longB = longAxes(b);
  if (longA.size() != longB.size()) return false;
  for (std::size_t pair = 1; pair < longA.size(); ++pair) {
    if (a[longA[pair]].count != b[longB[pair]].count) return false;
  }
  return true;
}

[[noreturn]] void outside() { throw FileError("a virtual dataset's mapping reaches outside of its source"); }

void checkWithin(const Region& region, const Shape& extent) {
  for (std::size_t k = 0; k < extent.size(); ++k) {
    if (!allBelow(region.axes[k], extent[k])) outside();
  }
}

void addPart(std::vector<ProjectedPart>& parts, Region source, Placement place, const Shape& extent) {
  checkWithin(source, extent);
  if (parts.size() == MAX_PARTS) throw FileError("a virtual dataset's mapping is too fragmented", ErrorCode::tooLarge);
  parts.push_back({std::move(source), std::move(place)});
}

std::vector<ProjectedPart> projectPaired(const std::vector<SlabAxis>& target, const std::vector<SlabAxis>& source,
                                         const Shape& sourceShape, const Region& region) {
  std::vector<Meeting> meetings;
  for (std::size_t k = 0; k < target.size(); ++k) {
    meetings.push_back(meet(region.axes[k], target[k]));
    if (meetings.back().inRegion.count == 0) return {};
  }
  Region from;
  for (const auto& axis : source) from.axes.push_back(regular(axis.start, 1, 1));
  auto longSource = longAxes(source);
  std::vector<Positions> inRegion(target.size());
  // Axes of one element that a list of indices asks for several times: the source has no axis to repeat it along.
  std::vector<std::size_t> repeated;
  std::size_t pair = 0;
  for (std::size_t k = 0; k < target.size(); ++k) {
    inRegion[k] = meetings[k].inRegion;
    if (target[k].count > 1) {
      auto axis = longSource[pair++];
      if (!allBelow(meetings[k].inMapping, source[axis].count)) outside();
      from.axes[axis] = coordinates(source[axis], meetings[k].inMapping);
    } else if (inRegion[k].count > 1) {
      repeated.push_back(k);
      inRegion[k] = subset(meetings[k].inRegion, 0, 1);
    }
  }
  std::vector<ProjectedPart> parts;
  std::vector<std::uint64_t> at(repeated.size(), 0);
  for (;;) {
    addPart(parts, from, inRegion, sourceShape);
    auto i = repeated.size();
    for (; i > 0; --i) {
      auto k = repeated[i - 1];
      at[i - 1] = at[i - 1] + 1 == meetings[k].inRegion.count ? 0 : at[i - 1] + 1;
      inRegion[k] = subset(meetings[k].inRegion, at[i - 1], 1);
      if (at[i - 1] != 0) break;
    }
    if (i == 0) return parts;
  }
}

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
  std::vector<ProjectedPart> parts;
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
      addPart(parts, std::move(region), takeFront(rest, count), sourceShape);
      number += count;
      left -= count;
    }
  }
  return parts;
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
    if (points.coordinates[i] >= sourceShape[i % points.rank]) outside();
  return {std::move(points), std::move(places)};
}

// The order of elements is all that the two selections share.
std::vector<ProjectedPart> projectSequence(const OrderedSelection& target, const OrderedSelection& source,
                                           const Shape& sourceShape, const Region& region) {
  const Intervals intervals = intervalsOf(target, region);
  for (const auto& interval : intervals.all())
    if (interval.number >= source.count() || interval.count > source.count() - interval.number) outside();
  if (auto parts = asRegions(intervals.all(), source, sourceShape)) return std::move(*parts);
  return {asPoints(intervals.all(), source, sourceShape)};
}

// How far a mapping that grows reaches, along both of its axes; zero for one that does not grow.
std::uint64_t grownPositions(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape) {
  auto target = unlimitedAxis(mapping.virtualSelection);
  auto source = unlimitedAxis(mapping.sourceSelection);
  if (!target && !source) return 0;
  if (!target || !source || *target >= virtualShape.size() || *source >= sourceShape.size()) {
    throw FileError("a virtual dataset's mapping is malformed");
  }
  return std::min(positionsWithin(mapping.virtualSelection.dimensions[*target], virtualShape[*target]),
                  positionsWithin(mapping.sourceSelection.dimensions[*source], sourceShape[*source]));
}

// The last coordinate of [start, start + (count - 1) * stride + block), where count and block are not zero.
std::uint64_t lastOf(const Hyperslab::Dimension& axis) {
  if (axis.count == unlimited || axis.block == unlimited) return unlimited;
  return (lastPosition(axis.start, axis.stride, axis.count) + (axis.block - 1)).orUnlimited();
}

bool mayMeetAxis(const Hyperslab::Dimension& axis, const Bounds& region) {
  return axis.count != 0 && axis.block != 0 && region.highest >= axis.start && region.lowest <= lastOf(axis);
}

// Of the bounding box along the first axis; everything where the slab does not say, nothing for an empty one.
std::optional<Bounds> boundsOf(const Hyperslab& slab) {
  Bounds everything{0, unlimited};
  if (slab.kind == Hyperslab::Kind::none) return std::nullopt;
  if (slab.kind == Hyperslab::Kind::regular && !slab.dimensions.empty()) {
    const auto& axis = slab.dimensions.front();
    if (axis.count == 0 || axis.block == 0) return std::nullopt;
    return Bounds{axis.start, lastOf(axis)};
  }
  auto rank = slab.extent.size();
  if (slab.kind != Hyperslab::Kind::boxes || rank == 0 || slab.boxes.empty() || slab.boxes.size() % (2 * rank) != 0) {
    return everything;
  }
  Bounds found{unlimited, 0};
  for (std::size_t box = 0; box < slab.boxes.size(); box += 2 * rank) {
    found.lowest = std::min(found.lowest, slab.boxes[box]);
    found.highest = std::max(found.highest, slab.boxes[box + rank]);
  }
  return found;
}

bool mayMeetBoxes(const std::vector<std::uint64_t>& boxes, const Region& region) {
  auto rank = region.axes.size();
  if (rank == 0 || boxes.size() % (2 * rank) != 0) return true;  // project() says what is wrong
  std::vector<Bounds> limits;
  for (const auto& axis : region.axes) limits.push_back(bounds(axis));
  for (std::size_t box = 0; box < boxes.size(); box += 2 * rank) {
    bool meets = true;
    for (std::size_t k = 0; k < rank && meets; ++k) {
      meets = boxes[box + k] <= limits[k].highest && limits[k].lowest <= boxes[box + rank + k];
    }
    if (meets) return true;
  }
  return false;
}

}  // namespace

std::vector<ProjectedPart> project(const VirtualSource& mapping, const Shape& virtualShape, const Shape& sourceShape,
                                   const Region& region) {
  if (mapping.isPattern) throw Failed("projecting: a pattern has many sources");
  if (region.axes.size() != virtualShape.size()) throw Failed("projecting: ranks differ");
  auto grown = grownPositions(mapping, virtualShape, sourceShape);
  OrderedSelection target(mapping.virtualSelection, virtualShape, grown);
  OrderedSelection source(mapping.sourceSelection, sourceShape, grown);
  if (target.count() == 0 || region.elementCount() == 0) return {};
  if (target.axes() && source.axes() && arePaired(*target.axes(), *source.axes())) {
    return projectPaired(*target.axes(), *source.axes(), sourceShape, region);
  }
  return projectSequence(target, source, sourceShape, region);
}

VirtualSource blockOf(const VirtualSource& pattern, std::uint64_t block) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis) throw FileError("a virtual dataset's mapping is malformed");
  VirtualSource one = pattern;
  one.isPattern = false;
  one.file = sourceName(pattern.file, block);
  one.dataset = sourceName(pattern.dataset, block);
  auto& along = one.virtualSelection.dimensions[*axis];
  along = blockOf(along, block);
  return one;
}

BlockRange blocksNear(const VirtualSource& pattern, const Region& region) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis || *axis >= region.axes.size()) throw FileError("a virtual dataset's mapping is malformed");
  const auto& along = pattern.virtualSelection.dimensions[*axis];
  auto limits = bounds(region.axes[*axis]);
  if (along.count != unlimited || limits.highest < along.start) return {};
  auto first = limits.lowest < along.start ? 0 : (limits.lowest - along.start) / along.stride;
  return {first, (limits.highest - along.start) / along.stride + 1};
}

std::uint64_t blocksWithin(const VirtualSource& pattern, const Shape& virtualShape) {
  auto axis = unlimitedAxis(pattern.virtualSelection);
  if (!axis || *axis >= virtualShape.size()) throw FileError("a virtual dataset's mapping is malformed");
  const auto& along = pattern.virtualSelection.dimensions[*axis];
  auto extent = virtualShape[*axis];
  if (along.count != unlimited || extent <= along.start) return 0;
  return (extent - along.start - 1) / along.stride + 1;
}

MappingIndex::MappingIndex(const std::vector<VirtualSource>& mappings) {
  entries_.reserve(mappings.size());
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    if (auto along = boundsOf(mappings[i].virtualSelection)) entries_.push_back({along->lowest, along->highest, i});
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  lastSoFar_.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    lastSoFar_.push_back(lastSoFar_.empty() ? entry.last : std::max(lastSoFar_.back(), entry.last));
  }
}

std::vector<std::size_t> MappingIndex::near(const Region& region) const {
  Bounds along{0, unlimited};
  if (!region.axes.empty()) {
    if (region.axes.front().count == 0) return {};
    along = bounds(region.axes.front());
  }
  std::vector<std::size_t> found;
  // Before this place, everything ends too early.
  auto at = static_cast<std::size_t>(std::lower_bound(lastSoFar_.begin(), lastSoFar_.end(), along.lowest) -
                                     lastSoFar_.begin());
  for (; at < entries_.size() && entries_[at].first <= along.highest; ++at) {
    if (entries_[at].last >= along.lowest) found.push_back(entries_[at].mapping);
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool mayMeet(const VirtualSource& mapping, const Region& region) {
  for (const auto& axis : region.axes) {
    if (axis.count == 0) return false;
  }
  const auto& slab = mapping.virtualSelection;
  switch (slab.kind) {
    case Hyperslab::Kind::none:
      return false;
    case Hyperslab::Kind::all:
    case Hyperslab::Kind::points:  // project() refuses them
      return true;
    case Hyperslab::Kind::boxes:
      return mayMeetBoxes(slab.boxes, region);
    case Hyperslab::Kind::regular:
      break;
  }
  if (slab.dimensions.size() != region.axes.size()) return true;  // project() says what is wrong
  for (std::size_t k = 0; k < region.axes.size(); ++k) {
    if (!mayMeetAxis(slab.dimensions[k], bounds(region.axes[k]))) return false;
  }
  return true;
}

}  // namespace h5cap
