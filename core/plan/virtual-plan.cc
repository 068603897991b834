#include "core/plan/virtual-plan.h"

#include <algorithm>

#include "core/convert-source.h"
#include "core/convert.h"
#include "core/source-name.h"
#include "h5cap/error.h"

namespace h5cap {
namespace {

// Of one reply: a hostile file may name any number.
constexpr std::uint64_t maxMappings = 65536;

void add(std::vector<VirtualSource>& meeting, VirtualSource mapping) {
  if (meeting.size() == maxMappings)
    throw FileError("one reply would take more than 65536 sources", ErrorCode::tooLarge);
  meeting.push_back(std::move(mapping));
}

// A series of blocks ends where the first one is absent.
void addBlocks(std::vector<VirtualSource>& meeting, const VirtualSource& pattern, std::uint64_t blockCount,
               const Region& region) {
  BlockRange blocks = blocksNear(pattern, region);
  blocks.end = std::min(blocks.end, blockCount);
  for (auto block = blocks.first; block < blocks.end; ++block) {
    add(meeting, blockOf(pattern, block));
    if (!mayMeet(meeting.back(), region)) meeting.pop_back();
  }
}

// The piece that is all of an array, without fill in between; null when there is none.
const Piece* onlyPiece(const ArrayPlan& array) {
  if (array.pieces.size() != 1) return nullptr;
  const Piece& piece = array.pieces.front();
  const auto stretch = asStretch(piece.place, array.counts);
  const bool isAll = stretch && *stretch == Stretch{0, elementCount(array.counts)};
  return isAll && !piece.convertedFrom ? &piece : nullptr;
}

}  // namespace

std::vector<VirtualSource> mappingsMeeting(const std::vector<VirtualSource>& mappings, const MappingIndex& index,
                                           const Shape& virtualShape, const BlockCounts* blocks,
                                           const Region& region) {
  std::vector<VirtualSource> meeting;
  for (std::size_t number : index.near(region)) {
    const VirtualSource& mapping = mappings[number];
    if (!mayMeet(mapping, region)) continue;
    if (hasBlockNumber(mapping.file) || hasBlockNumber(mapping.dataset)) {
      addBlocks(meeting, mapping, blocks == nullptr ? blocksWithin(mapping, virtualShape) : blocks->at(number),
                region);
    } else {
      add(meeting, mapping);
      meeting.back().file = sourceName(mapping.file);
      meeting.back().dataset = sourceName(mapping.dataset);
    }
  }
  return meeting;
}

void addArray(ArrayPlan& plan, std::shared_ptr<const ArrayPlan> source, Placement place) {
  Piece piece;
  piece.count = elementCount(source->counts);
  piece.place = std::move(place);
  if (!sameElements(source->type, plan.type)) {
    convertSource(source->type, {}, plan.type, 0);
    piece.convertedFrom = source->type;
  }
  if (const Piece* only = onlyPiece(*source)) {
    piece.from = only->from;
    piece.dataset = only->dataset;
  } else {
    piece.from = FromArray{std::move(source), std::nullopt};
  }
  plan.pieces.push_back(std::move(piece));
}

std::uint64_t addCovered(ArrayPlan& plan, std::shared_ptr<const ArrayPlan> region, std::vector<std::uint64_t> places,
                         std::uint64_t first) {
  const std::uint64_t count = places.empty() ? elementCount(region->counts) : places.size();
  if (places.empty()) {
    addArray(plan, std::move(region), std::vector<Stretch>{{first, count}});
  } else {
    plan.pieces.push_back(
        {FromArray{std::move(region), std::move(places)}, nullptr, count, std::vector<Stretch>{{first, count}}, {}});
  }
  return count;
}

}  // namespace h5cap
