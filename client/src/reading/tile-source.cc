#include "client/src/reading/tile-source.h"

#include <algorithm>
#include <deque>

#include "client/src/reading/reply.h"
#include "core/positions.h"

namespace h5cap::detail {

namespace {

// Of points in one call: 2 MiB of the 8 that a call may have.
constexpr std::uint64_t MAX_COORDINATES = 262'144;

Region oneAxis(std::uint64_t count) { return Region{{regular(0, 1, count)}}; }

class RegionTiles final : public TileSource {
 public:
  RegionTiles(Region region, std::vector<std::vector<Positions>> boxes, Shape chunkShape, std::uint64_t elementBytes,
              std::uint64_t tileBytes)
      : region_(std::move(region)),
        boxes_(std::make_move_iterator(boxes.begin()), std::make_move_iterator(boxes.end())),
        chunkShape_(std::move(chunkShape)),
        elementBytes_(elementBytes),
        tileBytes_(tileBytes) {}

  std::optional<ReadTile> next() override {
    for (;;) {
      if (!tiling_) {
        if (boxes_.empty()) return std::nullopt;
        Region part{within(region_.axes, boxes_.front())};
        tiling_.emplace(std::move(part), chunkShape_, elementBytes_, tileBytes_);
      }
      if (auto tile = tiling_->next()) {
        tile->inResult = within(boxes_.front(), tile->inResult);
        auto selection = asSelection(tile->region);
        return ReadTile{std::move(*tile), std::move(selection), true};
      }
      tiling_.reset();
      boxes_.pop_front();
    }
  }

 private:
  Region region_;
  std::deque<std::vector<Positions>> boxes_;
  Shape chunkShape_;
  std::uint64_t elementBytes_;
  std::uint64_t tileBytes_;
  std::optional<Tiling> tiling_;
};

// Where the rows (runs along the last axis) of a box begin, counted in C order of `counts`.
std::vector<std::uint64_t> rowStarts(const Shape& counts, const std::vector<Positions>& box) {
  std::vector<std::uint64_t> starts{0};
  for (std::size_t k = 0; k < counts.size(); ++k) {
    bool isLast = k + 1 == counts.size();
    std::vector<std::uint64_t> longer;
    longer.reserve(starts.size() * (isLast ? 1 : box[k].count));
    for (auto head : starts) {
      for (std::uint64_t i = 0; i < (isLast ? 1 : box[k].count); ++i) longer.push_back(head * counts[k] + box[k].at(i));
    }
    starts = std::move(longer);
  }
  return starts;
}

// The smallest box with all set bits: positions in a region with these counts.
std::vector<Positions> boundingBox(const BitMask& mask, const Shape& counts) {
  auto rank = counts.size();
  Shape low(rank, unlimited), high(rank, 0);
  auto widen = [&](std::uint64_t number) {
    for (std::size_t k = rank; k-- > 0; number /= counts[k]) {
      low[k] = std::min(low[k], number % counts[k]);
      high[k] = std::max(high[k], number % counts[k]);
    }
  };
  auto length = rank == 0 ? 1 : counts.back();
  for (auto first = mask.next(0); first < mask.size();) {
    auto end = (first / length + 1) * length;
    widen(first);
    widen(mask.find(mask.countBefore(end) - 1));
    first = mask.next(end);
  }
  std::vector<Positions> box;
  for (std::size_t k = 0; k < rank; ++k) box.push_back({low[k], 1, high[k] - low[k] + 1, {}, false});
  return box;
}

class MaskTiles final : public TileSource {
 public:
  MaskTiles(const Region& region, BitMask mask, Shape chunkShape, std::uint64_t elementBytes, std::uint64_t tileBytes)
      : counts_(region.counts()), mask_(std::move(mask)) {
    if (mask_.count() == 0) return;
    box_ = boundingBox(mask_, counts_);
    tiling_.emplace(Region{within(region.axes, box_)}, std::move(chunkShape), elementBytes, tileBytes);
  }

  std::optional<ReadTile> next() override {
    while (tiling_) {
      auto tile = tiling_->next();
      if (!tile) break;
      auto starts = rowStarts(counts_, within(box_, tile->inResult));
      auto length = counts_.empty() ? 1 : tile->inResult.back().count;
      auto bits = mask_.gathered(starts, length);
      if (bits.count() > 0) return part(tile->region, std::move(bits), starts, length);
    }
    return std::nullopt;
  }

 private:
  ReadTile part(const Region& region, BitMask bits, const std::vector<std::uint64_t>& starts,
                std::uint64_t length) const {
    Positions places;
    places.indices.reserve(bits.count());
    for (auto start : starts) {
      auto last = mask_.countBefore(start + length);
      for (auto at = mask_.countBefore(start); at < last; ++at) places.indices.push_back(at);
    }
    auto count = bits.count();
    return ReadTile{{oneAxis(count), {normalised(std::move(places))}},
                    Selection(asSelection(region).axes(), std::move(bits)),
                    false};
  }

  const Shape counts_;
  const BitMask mask_;
  std::vector<Positions> box_;
  std::optional<Tiling> tiling_;
};

class PointTiles final : public TileSource {
 public:
  PointTiles(Resolved wanted, std::uint64_t elementBytes, std::uint64_t tileBytes)
      : wanted_(std::move(wanted)), total_(wanted_.elementCount()) {
    auto fit =
        std::min(tileBytes / std::max<std::uint64_t>(elementBytes, 1), MAX_COORDINATES / wanted_.datasetShape().size());
    atOnce_ = std::max<std::uint64_t>(fit, 1);
  }

  std::optional<ReadTile> next() override {
    if (done_ == total_) return std::nullopt;
    auto count = std::min(atOnce_, total_ - done_);
    ReadTile tile{{oneAxis(count), {regular(done_, 1, count)}}, Points{wanted_.coordinates(done_, count)}, false};
    done_ += count;
    return tile;
  }

 private:
  const Resolved wanted_;
  const std::uint64_t total_;
  std::uint64_t atOnce_ = 1;
  std::uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<TileSource> regionTiles(Region region, std::vector<std::vector<Positions>> boxes, Shape chunkShape,
                                        std::uint64_t elementBytes, std::uint64_t tileBytes) {
  return std::make_unique<RegionTiles>(std::move(region), std::move(boxes), std::move(chunkShape), elementBytes,
                                       tileBytes);
}

std::unique_ptr<TileSource> elementTiles(Resolved wanted, Shape chunkShape, std::uint64_t elementBytes,
                                         std::uint64_t tileBytes) {
  if (wanted.mask()) {
    return std::make_unique<MaskTiles>(*wanted.region(), *wanted.mask(), std::move(chunkShape), elementBytes,
                                       tileBytes);
  }
  return std::make_unique<PointTiles>(std::move(wanted), elementBytes, tileBytes);
}

}  // namespace h5cap::detail
