#include "core/heap.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/checked-size.h"
#include "core/place-pattern.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

using PatternId = PlacePattern::Id;

// Plain data that is reached, in one stretch.
struct Stretch {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t target = 0;
};

// Nested data that is reached.
struct Piece {
  HeapPlace place;
  PatternId how = PlacePattern::NONE;  // the kind of place that leads to it
  std::uint64_t target = 0;

  friend bool operator<(const Piece& a, const Piece& b) {
    return std::tie(a.place.offset, a.place.count, a.how) < std::tie(b.place.offset, b.place.count, b.how);
  }
  friend bool operator==(const Piece& a, const Piece& b) { return a.place == b.place && a.how == b.how; }
};

// All that elements reach of one heap, found before any of it is copied.
class Reach {
 public:
  Reach(const PlacePattern& pattern, std::span<const std::byte> source) : pattern_(pattern), source_(source) {}

  // Once.  Throws FileError (fileProblem).
  void find(std::span<const std::byte> elements, std::size_t elementBytes) {
    std::vector<Piece> found;
    look(pattern_.root(), elements, elementBytes, found);
    // As often as types nest: what one round finds has places of the next.
    while (!found.empty()) {
      std::vector<Piece> within;
      for (const Piece& piece : takeNew(std::move(found))) {
        const auto& base = pattern_.base(piece.how);
        look(base.pattern, dataOf(piece.place, base.bytes, source_), base.bytes, within);
      }
      found = std::move(within);
    }
    joinStretches();
    bytes_ = nestedBytes_;
    for (const Stretch& stretch : stretches_) bytes_ += stretch.end - stretch.begin;
    if (bytes_ > source_.size()) overlaps();
  }

  std::uint64_t bytes() const { return bytes_; }

  // Once, with room for bytes().
  void appendTo(Bytes& heap) {
    auto append = [&heap](std::span<const std::byte> data) {
      const std::uint64_t offset = heap.size();
      heap.insert(heap.end(), data.begin(), data.end());
      return offset;
    };
    for (Piece& piece : pieces_) piece.target = append(dataOf(piece.place, pattern_.base(piece.how).bytes, source_));
    for (Stretch& stretch : stretches_) {
      stretch.target = append(source_.subspan(stretch.begin, stretch.end - stretch.begin));
    }
    for (const Piece& piece : pieces_) {
      const auto& base = pattern_.base(piece.how);
      redirect(base.pattern, std::span(heap).subspan(piece.target, piece.place.count * base.bytes), base.bytes);
    }
  }

  // Has places lead to the copies.
  void redirect(PatternId pattern, std::span<std::byte> elements, std::size_t elementBytes) {
    auto set = [this](PatternId how, std::byte* at) {
      HeapPlace place = readPlace(at);
      if (place.count != 0) {
        place.offset = pattern_.base(how).pattern == PlacePattern::NONE ? targetOf(place) : targetOf(place, how);
      }
      writePlace(place, at);
    };
    for (std::size_t at = 0; at < elements.size(); at += elementBytes) pattern_.visit(pattern, &elements[at], set);
  }

 private:
  [[noreturn]] static void overlaps() { throw FileError("variable-length data that overlaps itself"); }

  void look(PatternId pattern, std::span<const std::byte> elements, std::size_t elementBytes,
            std::vector<Piece>& found) {
    auto note = [&](PatternId how, const std::byte* at) {
      const HeapPlace place = readPlace(at);
      if (place.count == 0) return;
      const auto& base = pattern_.base(how);
      const auto data = dataOf(place, base.bytes, source_);
      if (base.pattern == PlacePattern::NONE) {
        noteStretch(place.offset, place.offset + data.size());
      } else if (const Piece piece{place, how}; found.empty() || !(found.back() == piece)) {
        found.push_back(piece);
      }
    };
    for (std::size_t at = 0; at < elements.size(); at += elementBytes) pattern_.visit(pattern, &elements[at], note);
  }

  // Most data lies in the order of its elements: that is one stretch.
  void noteStretch(std::uint64_t begin, std::uint64_t end) {
    if (!stretches_.empty() && begin >= stretches_.back().begin && begin <= stretches_.back().end) {
      stretches_.back().end = std::max(stretches_.back().end, end);
    } else {
      stretches_.push_back({begin, end});
    }
  }

  void joinStretches() {
    std::sort(stretches_.begin(), stretches_.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    auto all = std::exchange(stretches_, {});
    for (const Stretch& stretch : all) noteStretch(stretch.begin, stretch.end);
  }

  // Those that were not known, which then are.
  std::vector<Piece> takeNew(std::vector<Piece> found) {
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    std::vector<Piece> fresh;
    std::set_difference(found.begin(), found.end(), pieces_.begin(), pieces_.end(), std::back_inserter(fresh));
    for (const Piece& piece : fresh) {
      // Each is within the heap, so this does not overflow.
      nestedBytes_ += piece.place.count * pattern_.base(piece.how).bytes;
      if (nestedBytes_ > source_.size()) overlaps();
    }
    const auto known = static_cast<std::ptrdiff_t>(pieces_.size());
    pieces_.insert(pieces_.end(), fresh.begin(), fresh.end());
    std::inplace_merge(pieces_.begin(), pieces_.begin() + known, pieces_.end());
    return fresh;
  }

  std::uint64_t targetOf(HeapPlace plain) {
    if (const Stretch& last = stretches_[lastStretch_]; plain.offset < last.begin || plain.offset >= last.end) {
      auto behind = std::upper_bound(stretches_.begin(), stretches_.end(), plain.offset,
                                     [](std::uint64_t offset, const Stretch& one) { return offset < one.begin; });
      lastStretch_ = static_cast<std::size_t>(behind - stretches_.begin()) - 1;
    }
    const Stretch& stretch = stretches_[lastStretch_];
    return stretch.target + (plain.offset - stretch.begin);
  }

  std::uint64_t targetOf(HeapPlace nested, PatternId how) const {
    return std::lower_bound(pieces_.begin(), pieces_.end(), Piece{nested, how})->target;
  }

  const PlacePattern& pattern_;
  std::span<const std::byte> source_;
  std::vector<Stretch> stretches_;  // once all are found: disjoint, in order
  std::vector<Piece> pieces_;       // in order
  std::uint64_t nestedBytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t lastStretch_ = 0;
};

// How many bytes elements are with all that their places lead to.
class Unfolding {
 public:
  Unfolding(const PlacePattern& pattern, std::span<const std::byte> source) : pattern_(pattern), source_(source) {}

  // As deep as types nest.  Throws FileError.
  std::uint64_t bytes(PatternId pattern, std::span<const std::byte> elements, std::size_t elementBytes) {
    std::uint64_t total = elements.size();
    auto add = [&](PatternId how, const std::byte* at) {
      const HeapPlace place = readPlace(at);
      if (place.count == 0) return;
      const auto& base = pattern_.base(how);
      const auto data = dataOf(place, base.bytes, source_);
      total += base.pattern == PlacePattern::NONE ? data.size() : within({place, how}, data);
      if (total > MOST) throw FileError("variable-length data that unfolds without end", ErrorCode::tooLarge);
    };
    for (std::size_t at = 0; at < elements.size(); at += elementBytes) pattern_.visit(pattern, &elements[at], add);
    return total;
  }

 private:
  // More than any message has, so that nothing which shares no pieces meets it.
  static constexpr std::uint64_t MOST = 512 << 20;

  std::uint64_t within(const Piece& piece, std::span<const std::byte> data) {
    if (auto found = known_.find(piece); found != known_.end()) return found->second;
    const auto& base = pattern_.base(piece.how);
    const std::uint64_t size = bytes(base.pattern, data, base.bytes);
    known_.emplace(piece, size);
    return size;
  }

  const PlacePattern& pattern_;
  std::span<const std::byte> source_;
  std::map<Piece, std::uint64_t> known_;
};

}  // namespace

void checkUnfolded(const DataType& type, std::span<const std::byte> elements, std::span<const std::byte> heap) {
  const PlacePattern pattern(type);
  if (pattern.nests()) Unfolding(pattern, heap).bytes(pattern.root(), elements, type.size());
}

std::span<const std::byte> dataOf(HeapPlace place, std::uint64_t baseBytes, std::span<const std::byte> heap) {
  const std::byte* data = placeData(place, baseBytes, heap.data(), heap.size());
  return {data, data == nullptr ? 0 : place.count * baseBytes};
}

void checkPlaces(const DataType& type, std::span<const std::byte> elements, std::span<const std::byte> heap) {
  if (elements.empty()) return;
  const PlacePattern pattern(type);
  if (pattern.root() == PlacePattern::NONE) return;
  if (elements.size() % type.size() != 0) throw FileError("variable-length data of no whole number of elements");
  Reach(pattern, heap).find(elements, type.size());
}

void Heap::append(const DataType& type, std::span<std::byte> elements, std::span<const std::byte> source) {
  if (elements.empty()) return;
  const PlacePattern pattern(type);
  if (pattern.root() == PlacePattern::NONE) return;
  if (elements.size() % type.size() != 0) throw Failed("heap: not a whole number of elements");
  Reach reach(pattern, source);
  reach.find(elements, type.size());
  makeRoom(reach.bytes());
  reach.appendTo(bytes_);
  reach.redirect(pattern.root(), elements, type.size());
}

HeapPlace Heap::add(std::span<const std::byte> data, std::uint64_t count) {
  makeRoom(data.size());
  const HeapPlace place{bytes_.size(), count};
  bytes_.insert(bytes_.end(), data.begin(), data.end());
  return place;
}

HeapPlace Heap::reserve(std::uint64_t count, std::uint64_t baseBytes) {
  const std::uint64_t bytes = (CheckedSize(count) * baseBytes).orUnlimited();
  makeRoom(bytes);
  const HeapPlace place{bytes_.size(), count};
  bytes_.resize(bytes_.size() + bytes);
  return place;
}

void Heap::makeRoom(std::uint64_t bytes) {
  const std::uint64_t most = std::min<std::uint64_t>(maxBytes_, PTRDIFF_MAX);
  if (bytes > most - bytes_.size()) {
    throw FileError("variable-length data of more than " + std::to_string(most) + " bytes", ErrorCode::tooLarge);
  }
  const std::uint64_t needed = bytes_.size() + bytes;
  if (needed <= bytes_.capacity()) return;
  // Twice as much each time, so that many small pieces are not moved over and over; never more than may be.
  bytes_.reserve(std::max(needed, std::min<std::uint64_t>(2 * std::uint64_t{bytes_.capacity()}, most)));
}

}  // namespace h5cap
