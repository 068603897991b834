#include "core/plan/stored-plan.h"

#include <h5cap/types.capnp.h>

#include <algorithm>

#include "core/checked-size.h"
#include "core/codec/codec.h"
#include "core/plan/cover.h"
#include "core/pack.h"
#include "core/plan/virtual-plan.h"
#include "core/slot-map.h"
#include "h5cap/error.h"

namespace h5cap {
namespace {

// Of variable-length data in one answer of libhdf5's.
constexpr std::uint64_t maxVariableElements = 16384;

Shape chunkGrid(const PlannedDataset& dataset, const Shape& chunk) {
  const Shape& shape = dataset.shape;
  if (chunk.size() != shape.size() || std::find(chunk.begin(), chunk.end(), 0u) != chunk.end())
    throw FileError("chunk shape and dataset shape do not agree");
  Shape grid(chunk.size());
  for (std::size_t axis = 0; axis < grid.size(); ++axis)
    grid[axis] = divideUp(shape[axis], chunk[axis]);
  return grid;
}

// An array of `counts`, all of it one piece.
ArrayPlan inOnePiece(std::shared_ptr<const PlannedDataset> dataset, Shape counts, Piece::From from) {
  ArrayPlan plan{dataset->type, std::move(counts), dataset->fillElement, dataset->fillHeap, {}};
  const std::uint64_t count = elementCount(plan.counts);
  Piece& piece = plan.pieces.emplace_back();
  piece.from = std::move(from);
  piece.dataset = std::move(dataset);
  piece.count = count;
  piece.place = std::vector<Stretch>(1, Stretch{0, count});
  return plan;
}

}  // namespace

std::shared_ptr<const PlannedDataset> plannedDataset(std::size_t file, const NodeInfo& node, Shape shape,
                                                     std::shared_ptr<const Storage> storage) {
  const DatasetInfo& info = *node.dataset;
  // What is said of the layout decides what may be kept of the elements.
  const bool hasSources = std::holds_alternative<VirtualStorage>(*storage);
  const bool hasRawFiles = std::holds_alternative<ExternalStorage>(*storage);
  if ((hasSources && info.layout != Layout::virtualMapping) || (hasRawFiles && info.layout != Layout::external))
    throw FileError("what the planner says of the layout and of the storage do not agree");
  auto dataset = std::make_shared<PlannedDataset>();
  dataset->file = file;
  dataset->id = node.id;
  dataset->type = info.type;
  dataset->shape = std::move(shape);
  const bool isVirtual = info.layout == Layout::virtualMapping;
  const bool readsZeros = info.fillValue.empty() || (info.fillTime == FillTime::never && !isVirtual);
  // Zeros of any size need no memory where elements are read in parts only.
  const std::size_t zeros = dataset->elementBytes() <= rpc::MAX_ELEMENT_BYTES ? dataset->elementBytes() : 0;
  dataset->fillElement = readsZeros ? Bytes(zeros) : info.fillValue;
  if (!readsZeros) dataset->fillHeap = info.fillHeap;
  dataset->storage = std::move(storage);
  return dataset;
}

Road roadOf(const PlannedDataset& dataset) {
  const Storage& storage = *dataset.storage;
  if (std::holds_alternative<Unallocated>(storage)) return Road::fill;
  if (std::holds_alternative<VirtualStorage>(storage)) return Road::sources;
  if (std::holds_alternative<ExternalStorage>(storage)) return Road::rawFiles;
  if (dataset.type.hasVariable() || std::holds_alternative<LibraryOnly>(storage)) return Road::library;
  if (auto* chunked = std::get_if<ChunkedStorage>(&storage))
    return codec::canDecode(chunked->filters) ? Road::chunks : Road::library;
  return Road::onePiece;
}

ChunkQuestion chunksOf(const PlannedDataset& dataset, const Wanted& wanted) {
  const Shape& chunk = std::get<ChunkedStorage>(*dataset.storage).chunkShape;
  ChunkQuestion question;
  question.grid = chunkGrid(dataset, chunk);
  if (auto* points = std::get_if<PointList>(&wanted)) {
    question.elements =
        std::make_shared<const ChunkElements>(groupByChunk(points->coordinates, question.grid, chunk));
    question.chunkCount = question.elements->chunks.size();
  } else {
    question.box = chunkBox(std::get<Region>(wanted), chunk);
    question.chunkCount = productOf(question.box.count).orUnlimited();
  }
  return question;
}

ArrayPlan planChunks(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted, ChunkQuestion question,
                     std::shared_ptr<const Extents> extents) {
  const bool neverWritten = std::all_of(extents->begin(), extents->end(), [](const ChunkExtent& extent) {
    return extent.address == ChunkExtent::neverWritten;
  });
  if (neverWritten) return planFill(*dataset, wanted);
  Shape counts = countsOf(wanted);
  if (question.elements != nullptr)
    return inOnePiece(std::move(dataset), std::move(counts),
                      FromEachChunk{std::move(question.grid), std::move(question.elements), std::move(extents)});
  return inOnePiece(std::move(dataset), std::move(counts),
                    FromChunks{std::get<Region>(std::move(wanted)), std::move(question.box), std::move(extents)});
}

ArrayPlan planOnePiece(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted) {
  Shape counts = countsOf(wanted);
  return inOnePiece(std::move(dataset), std::move(counts), FromOnePiece{std::move(wanted)});
}

ArrayPlan planFill(const PlannedDataset& dataset, const Wanted& wanted) {
  return {dataset.type, countsOf(wanted), dataset.fillElement, dataset.fillHeap, {}};
}

ArrayPlan planLibrary(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted, std::vector<LibraryRead>& reads) {
  ArrayPlan plan = planFill(*dataset, wanted);
  const std::uint64_t total = countOf(wanted);
  std::uint64_t most = std::max<std::uint64_t>(rpc::MAX_REPLY_BYTES / dataset->elementBytes(), 1);
  if (dataset->type.hasVariable()) most = std::min(most, maxVariableElements);
  for (std::uint64_t done = 0; done < total;) {
    Wanted part;
    std::uint64_t count;
    if (auto* points = std::get_if<PointList>(&wanted)) {
      count = std::min(most, total - done);
      const auto from = points->coordinates.begin() + static_cast<std::ptrdiff_t>(done * points->rank);
      part = PointList{{from, from + static_cast<std::ptrdiff_t>(count * points->rank)}, points->rank};
    } else {
      Run run = runFrom(std::get<Region>(wanted), done, most);
      count = run.count;
      part = std::move(run.part);
    }
    plan.pieces.push_back({FromLibrary{reads.size()}, dataset, count, std::vector<Stretch>{{done, count}}, {}});
    reads.push_back({dataset, std::move(part)});
    done += count;
  }
  return plan;
}

ArrayPlan planRawFiles(std::shared_ptr<const PlannedDataset> dataset, const Wanted& wanted,
                       std::vector<RawFilesRead>& reads, std::size_t maxSlots) {
  if (dataset->type.hasVariable()) throw FileError("variable-length data cannot be in external raw files");
  std::size_t others = 0;
  for (const auto& read : reads) others += read.slots.size();
  ArrayPlan plan = planFill(*dataset, wanted);
  if (countOf(wanted) == 0) return plan;
  const SlotMap map(std::get<ExternalStorage>(*dataset->storage).files);
  std::uint64_t done = 0;
  const std::size_t first = reads.size();
  std::set<std::size_t> slots;
  for (CoveredElements& covered : covering(wanted)) {
    slots.merge(map.touched(covered.region, dataset->shape, dataset->elementBytes(), maxSlots));
    if (others + slots.size() > maxSlots)
      throw FileError("the elements are spread over too many raw files", ErrorCode::tooLarge);
    auto array = inOnePiece(dataset, covered.region.counts(), FromRawFiles{reads.size()});
    done += addCovered(plan, std::make_shared<const ArrayPlan>(std::move(array)), std::move(covered.places), done);
    reads.push_back({dataset, std::move(covered.region), {}});
  }
  reads[first].slots = std::move(slots);
  return plan;
}

}  // namespace h5cap
