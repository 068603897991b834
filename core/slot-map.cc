#include "core/slot-map.h"

#include <algorithm>

#include "core/checked-size.h"
#include "core/positions.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

// Finds the slots of a region axis by axis: what lies within one slot is not looked at any closer.
class SlotSearch {
 public:
  SlotSearch(const SlotMap& map, const Region& region, const Shape& shape, std::size_t elementBytes, std::size_t limit)
      : map_(map),
        region_(region),
        elementBytes_(elementBytes),
        limit_(limit),
        spans_(shape.size() + 1) {
    strides_ = stridesInBytes(shape, elementBytes);
    spans_.back() = {0, elementBytes - 1};
    for (std::size_t k = shape.size(); k-- > 0;) {
      auto along = bounds(region.axes[k]);
      spans_[k] = {spans_[k + 1].first + along.lowest * strides_[k], spans_[k + 1].last + along.highest * strides_[k]};
    }
  }

  std::set<std::size_t> run() {
    search(0, 0);
    return std::move(found_);
  }

 private:
  struct Span {
    std::uint64_t first, last;  // bytes from the position on the axes before
  };

  void search(std::size_t axis, std::uint64_t base) {
    if (found_.size() > limit_) return;
    auto first = map_.at(base + spans_[axis].first, 1).slot, last = map_.at(base + spans_[axis].last, 1).slot;
    if (first == last) {
      found_.insert(first);
      return;
    }
    if (axis == region_.axes.size() || isDenseFrom(axis)) {
      for (auto slot = first; slot <= last && found_.size() <= limit_; ++slot) found_.insert(slot);
      return;
    }
    const auto& positions = region_.axes[axis];
    for (std::uint64_t i = 0; i < positions.count; ++i) search(axis + 1, base + positions.at(i) * strides_[axis]);
  }

  // Whether the positions from `axis` on are all bytes of their span.
  bool isDenseFrom(std::size_t axis) const {
    std::uint64_t elements = 1;
    for (auto k = axis; k < region_.axes.size(); ++k) {
      if (!region_.axes[k].indices.empty()) return false;
      elements *= region_.axes[k].count;
    }
    return elements * elementBytes_ == spans_[axis].last - spans_[axis].first + 1;
  }

  const SlotMap& map_;
  const Region& region_;
  const std::size_t elementBytes_, limit_;
  Shape strides_;
  std::vector<Span> spans_;  // [k]: of axes k and after
  std::set<std::size_t> found_;
};

}  // namespace

SlotMap::SlotMap(const std::vector<ExternalFile>& files) : files_(files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    begins_.push_back(end_);
    if (files[i].size == unlimited && i + 1 == files.size()) {
      end_ = unlimited;
    } else {
      end_ = (CheckedSize(end_) + files[i].size)
                 .orRaise("external raw files of more bytes than can be counted", ErrorCode::fileProblem);
    }
  }
}

SlotMap::Piece SlotMap::at(std::uint64_t byte, std::uint64_t count) const {
  if (byte >= end_) throw FileError("the dataset is larger than the slots of its external raw files");
  // Of slots that begin at the same byte all but the last are empty.
  std::size_t slot = std::upper_bound(begins_.begin(), begins_.end(), byte) - begins_.begin() - 1;
  auto skip = byte - begins_[slot];
  const auto offset = CheckedSize(files_[slot].offset) + skip;
  const auto length = std::min(count, (slot + 1 < begins_.size() ? begins_[slot + 1] : end_) - byte);
  if (!(offset + length).isAtMost(INT64_MAX)) throw FileError("an offset in an external raw file is too large");
  return {slot, *offset.fits(), length};
}

std::set<std::size_t> SlotMap::touched(const Region& region, const Shape& shape, std::size_t elementBytes,
                                       std::size_t limit) const {
  if (region.elementCount() == 0) return {};
  return SlotSearch(*this, region, shape, elementBytes, limit).run();
}

}  // namespace h5cap
