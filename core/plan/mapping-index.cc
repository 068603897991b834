#include "core/plan/mapping-index.h"

#include <algorithm>
#include <optional>

#include "core/checked-size.h"

namespace h5cap {

namespace {

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
