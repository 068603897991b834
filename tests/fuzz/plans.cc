// Plans of reads, made of what planners say of virtual datasets, chunks and raw files: every element comes from within
// its source and goes to within the result.
#include <algorithm>

#include "core/ordered-selection.h"
#include "core/plan/projection.h"
#include "core/plan/stored-plan.h"
#include "core/plan/virtual-plan.h"
#include "core/slot-map.h"
#include "core/unlimited-axis.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr std::uint64_t FEW = 1 << 14;  // elements, of which a region is cut

// The elements of a virtual dataset that are asked for: no more than a reply has.
Region smallRegion(FromBytes& from, const Shape& shape) {
  Region region = *Resolved(Selection(), shape).region();
  std::uint64_t count = 1;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    RegionAxis& axis = region.axes[k];
    axis.start = shape[k] == 0 ? 0 : from.number() % shape[k];
    axis.step = std::max<std::uint64_t>(from.number(), 1);
    axis.count = shape[k] == 0 ? 0 : std::min((shape[k] - 1 - axis.start) / axis.step, FEW / count - 1) + 1;
    if (axis.count > 0 && from.upTo(4) == 0) {
      for (unsigned i = 1 + from.upTo(4); i > 0; --i) axis.indices.push_back(from.number() % shape[k]);
      axis.count = axis.indices.size();
    }
    axis = normalised(std::move(axis));
    count = std::clamp<std::uint64_t>(count * axis.count, 1, FEW);
  }
  return region;
}

void checkWithin(const Wanted& wanted, const Shape& shape) {
  if (auto* points = std::get_if<PointList>(&wanted)) {
    insist(points->rank == shape.size(), "elements have the source's rank");
    for (std::size_t i = 0; i < points->coordinates.size(); ++i)
      insist(points->coordinates[i] < shape[i % shape.size()], "elements lie within the source");
    return;
  }
  const Region& region = std::get<Region>(wanted);
  insist(region.axes.size() == shape.size(), "a region has the source's rank");
  for (std::size_t k = 0; k < shape.size(); ++k)
    insist(allBelow(region.axes[k], shape[k]), "a region lies within the source");
}

void checkWithin(const Placement& place, const Shape& counts) {
  if (auto* stretches = std::get_if<std::vector<Stretch>>(&place)) {
    const std::uint64_t total = elementCount(counts);
    for (const auto& stretch : *stretches)
      insist(stretch.first <= total && stretch.count <= total - stretch.first, "a stretch lies within the result");
    return;
  }
  const auto& axes = std::get<AlongAxes>(place);
  insist(axes.size() == counts.size(), "a place has the result's rank");
  for (std::size_t k = 0; k < counts.size(); ++k)
    insist(allBelow(axes[k], counts[k]), "a place lies within the result");
}

void project(const VirtualSource& mapping, const Shape& virtualShape, FromBytes& from, const Region& region) {
  const Shape sourceShape = shape(from, 3);
  for (const auto& part : h5cap::project(mapping, virtualShape, sourceShape, region)) {
    insist(countOf(part.source) == countOf(part.place), "every element has a place");
    checkWithin(part.source, sourceShape);
    checkWithin(part.place, region.counts());
  }
}

void useMappings(FromBytes& from) {
  std::vector<VirtualSource> mappings;
  for (unsigned n = 1 + from.upTo(2); n > 0; --n)
    mappings.push_back(received<rpc::VirtualSource>(virtualSource(from)));
  const Shape virtualShape = shape(from, 3);
  const Region region = smallRegion(from, virtualShape);
  const MappingIndex index(mappings);
  insist(index.footprint() > 0, "a cache counts what it holds");
  for (std::size_t near : index.near(region)) insist(near < mappings.size(), "an index finds mappings that are there");
  accepts([&] {
    for (const auto& met : mappingsMeeting(mappings, index, virtualShape, nullptr, region)) {
      accepts([&] { project(met, virtualShape, from, region); });
    }
  });
  for (const auto& mapping : mappings) {
    accepts([&] { mayMeet(mapping, region); });
    accepts([&] {
      for (std::uint64_t block : {std::uint64_t{0}, from.number()}) blockOf(mapping, block);
      const BlockRange blocks = blocksNear(mapping, region);
      insist(blocks.first <= blocks.end, "blocks are in order");
      blocksWithin(mapping, virtualShape);
    });
  }
}

void useSlab(FromBytes& from) {
  const Hyperslab slab = received<rpc::HyperslabSelection>(hyperslab(from, 3));
  Shape extent = shape(from, 3);
  accepts([&] {
    if (auto axis = unlimitedAxis(slab)) {
      const auto& growing = slab.dimensions[*axis];
      const std::uint64_t within = from.number();
      insist(positionsWithin(growing, within) <= within, "there are no more positions than an extent has");
      positionsMeasured(growing, within);
      accepts([&] { extentHolding(growing, from.number()); });
    }
  });
  accepts([&] { growToHold(extent, slab); });
  const OrderedSelection ordered(slab, extent, from.number());
  if (ordered.count() == 0) return;
  for (std::uint64_t number : {std::uint64_t{0}, ordered.count() - 1, ordered.count() / 2}) {
    const SelectedRow row = ordered.rowOf(number);
    insist(row.first <= number && number - row.first < std::max<std::uint64_t>(row.last.count, 1),
           "a row holds the element that it is looked up by");
  }
  const Region region = smallRegion(from, extent);
  std::uint64_t rows = 0;
  ordered.forEachRow(region, [&](const SelectedRow& row) {
    insist(row.first < ordered.count(), "rows are rows of the selection");
    if (++rows > FEW) throw FileError("enough", ErrorCode::tooLarge);
  });
}

Storage storageOf(FromBytes& from, std::size_t rank) {
  switch (from.upTo(3)) {
    case 0: {
      ChunkedStorage chunked;
      for (std::size_t k = 0; k < rank; ++k) chunked.chunkShape.push_back(std::max<std::uint64_t>(from.number(), 1));
      return chunked;
    }
    case 1: {
      ExternalStorage external;
      for (unsigned n = from.upTo(4); n > 0; --n)
        external.files.push_back({from.text(), from.number(), from.number()});
      return external;
    }
    case 2:
      return LibraryOnly{"a test"};
    default:
      return ContiguousStorage{from.number(), from.number()};
  }
}

Wanted wantedOf(FromBytes& from, const Shape& shape) {
  if (shape.empty() || from.flag()) return smallRegion(from, shape);
  PointList points;
  points.rank = shape.size();
  for (unsigned n = 1 + from.upTo(5); n > 0; --n) {
    for (auto extent : shape) points.coordinates.push_back(extent == 0 ? 0 : from.number() % extent);
  }
  if (elementCount(shape) == 0) throw BadSelection("nothing to point at");
  return points;
}

void checkPlan(const ArrayPlan& plan, const Wanted& wanted) {
  insist(plan.counts == countsOf(wanted), "a plan is for what is wanted");
  for (const auto& piece : plan.pieces) {
    insist(countOf(piece.place) == piece.count, "a piece has a place for every element");
    checkWithin(piece.place, plan.counts);
  }
}

void useStorage(FromBytes& from) {
  NodeInfo node;
  node.dataset.emplace();
  node.dataset->type = type(from);
  const Shape shape = fuzz::shape(from, 3);
  auto storage = std::make_shared<const Storage>(received<rpc::Storage>(storageOf(from, shape.size())));
  node.dataset->layout = std::holds_alternative<ExternalStorage>(*storage) ? Layout::external : Layout::chunked;
  const auto dataset = plannedDataset(0, node, shape, storage);
  const Wanted wanted = wantedOf(from, shape);
  switch (roadOf(*dataset)) {
    case Road::chunks: {
      ChunkQuestion question = chunksOf(*dataset, wanted);
      if (question.chunkCount > FEW) return;
      auto extents = std::make_shared<Extents>(question.chunkCount, ChunkExtent{from.number(), from.number(), 0});
      return checkPlan(planChunks(dataset, wanted, std::move(question), std::move(extents)), wanted);
    }
    case Road::rawFiles: {
      std::vector<RawFilesRead> reads;
      checkPlan(planRawFiles(dataset, wanted, reads, 16), wanted);
      for (const auto& read : reads) {
        checkWithin(read.region, shape);
        for (auto slot : read.slots)
          insist(slot < std::get<ExternalStorage>(*storage).files.size(), "slots are slots of the dataset");
      }
      return;
    }
    case Road::library: {
      std::vector<LibraryRead> reads;
      checkPlan(planLibrary(dataset, wanted, reads), wanted);
      for (const auto& read : reads) checkWithin(read.wanted, shape);
      return;
    }
    case Road::onePiece:
      return checkPlan(planOnePiece(dataset, wanted), wanted);
    case Road::fill:
    case Road::sources:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FromBytes from(data, size);
  switch (from.upTo(3)) {
    case 0:
      accepts([&] { useSlab(from); });
      break;
    case 1:
      accepts([&] { useStorage(from); });
      break;
    default:
      accepts([&] { useMappings(from); });
  }
  return 0;
}
