#include "server/executor/carry-out.h"

#include <h5cap/types.capnp.h>

#include <algorithm>
#include <map>

#include "core/convert-source.h"
#include "core/pack.h"
#include "h5cap/error.h"
#include "server/executor/executor.h"
#include "server/executor/gather.h"

namespace h5cap {
namespace {

template <class... Visits>
struct Overloaded : Visits... {
  using Visits::operator()...;
};
template <class... Visits>
Overloaded(Visits...) -> Overloaded<Visits...>;

// Says of which file a failure is.
template <class Read>
void named(const FileAtHand& file, Read&& read) {
  try {
    read();
  } catch (const FileError& problem) {
    if (file.name.empty()) throw;
    const std::string prefix = file.name + ": ";
    const std::string text = problem.what();
    if (text.compare(0, prefix.size(), prefix) == 0) throw;
    throw FileError(prefix + text, problem.code());
  }
}

GatherContext contextOf(const FileAtHand& file, const PlannedDataset& dataset, const Supplies& supplies,
                        ChunkCache::Waiting& waiting) {
  return {file.reader.get(),   file.version,   file.cache,        dataset.elementBytes(),
          dataset.fillElement, &dataset.shape, supplies.decoding, &waiting};
}

class CarryingOut {
 public:
  CarryingOut(const ReadPlan& plan, const Supplies& supplies, ChunkCache::Waiting& waiting)
      : plan_(plan), supplies_(supplies), waiting_(waiting) {
    if (supplies.files.size() != plan.versions.size() || supplies.answers.size() != plan.libraryReads.size() ||
        supplies.rawFiles.size() != plan.rawReads.size())
      throw Failed("carrying out: plan and supplies differ");
  }

  void make(const ArrayPlan& array, std::span<std::byte> target, Heap& heap) {
    const std::size_t bytes = array.elementBytes();
    const std::uint64_t total = elementCount(array.counts);
    if (target.size() != total * bytes) throw Failed("carrying out: wrong size of the target");
    if (!isCovered(array)) {
      fillElements(array.fillElement, target);
      if (!array.fillHeap.empty()) heap.append(array.type, target, array.fillHeap);
    }
    for (const Piece& piece : array.pieces) {
      checkWanted();
      const auto stretch = asStretch(piece.place, array.counts);
      if (stretch && (stretch->count != piece.count || stretch->first > total || piece.count > total - stretch->first))
        throw Failed("carrying out: a piece that does not fit its place");
      if (stretch && !piece.convertedFrom && !array.type.hasVariable()) {
        gather(piece, target.subspan(stretch->first * bytes, piece.count * bytes));
        continue;
      }
      put(packed(piece, array, heap), piece.place, array.counts, target, bytes);
    }
  }

 private:
  static bool isCovered(const ArrayPlan& array) {
    if (array.pieces.size() != 1) return false;
    const auto stretch = asStretch(array.pieces.front().place, array.counts);
    return stretch && stretch->count == elementCount(array.counts);
  }

  // The elements of a piece, as they go into `array`.
  Bytes packed(const Piece& piece, const ArrayPlan& array, Heap& heap) {
    const DataType& type = piece.convertedFrom ? *piece.convertedFrom : array.type;
    PackedData data;
    data.elements.resize(piece.count * std::max<std::size_t>(type.size(), 1));
    gather(piece, data.elements);
    if (!piece.convertedFrom) {
      if (type.hasVariable()) heap.append(type, data.elements, heapOf(piece));
      return std::move(data.elements);
    }
    if (type.hasVariable()) {
      auto heapBytes = heapOf(piece);
      data.heap.assign(heapBytes.begin(), heapBytes.end());
    }
    data = convertSource(type, std::move(data), array.type, rpc::MAX_ELEMENT_BYTES);
    if (array.type.hasVariable()) heap.append(array.type, data.elements, data.heap);
    return std::move(data.elements);
  }

  std::span<const std::byte> heapOf(const Piece& piece) {
    if (auto* library = std::get_if<FromLibrary>(&piece.from)) return supplies_.answers.at(library->libraryRead).heap;
    if (auto* other = std::get_if<FromArray>(&piece.from)) return madeOf(*other->array).heap;
    throw Failed("carrying out: variable-length data from where there is none");
  }

  // Without what places lead to.
  void gather(const Piece& piece, std::span<std::byte> target) {
    if (auto* other = std::get_if<FromArray>(&piece.from)) return takeFrom(*other, target);
    const FileAtHand& file = supplies_.files.at(piece.dataset->file);
    named(file, [&] { gatherStored(piece, file, target); });
  }

  void gatherStored(const Piece& piece, const FileAtHand& file, std::span<std::byte> target) {
    const PlannedDataset& dataset = *piece.dataset;
    GatherContext context = contextOf(file, dataset, supplies_, waiting_);
    std::visit(Overloaded{
                   [&](const FromOnePiece& from) { gatherOnePiece(context, *dataset.storage, from.wanted, target); },
                   [&](const FromChunks& from) {
                     gatherChunks(context, std::get<ChunkedStorage>(*dataset.storage), from.box, *from.extents,
                                  from.region, target);
                   },
                   [&](const FromEachChunk& from) {
                     gatherChunks(context, std::get<ChunkedStorage>(*dataset.storage), from.grid, *from.extents,
                                  *from.wanted, target);
                   },
                   [&](const FromRawFiles& from) {
                     context.file = supplies_.rawFiles.at(from.rawRead).get();
                     gatherContiguous(context, {0, unlimited}, plan_.rawReads[from.rawRead].region, target);
                   },
                   [&](const FromLibrary& from) { takeAnswer(supplies_.answers.at(from.libraryRead), target); },
                   [](const FromArray&) { throw Failed("carrying out: an array is no stored dataset"); },
               },
               piece.from);
  }

  static void gatherOnePiece(const GatherContext& context, const Storage& storage, const Wanted& wanted,
                             std::span<std::byte> target) {
    const auto* contiguous = std::get_if<ContiguousStorage>(&storage);
    if (auto* region = std::get_if<Region>(&wanted)) {
      if (contiguous != nullptr) return gatherContiguous(context, *contiguous, *region, target);
      return gatherInline(context, std::get<InlineBytes>(storage), *region, target);
    }
    const auto elements = inOnePiece(std::get<PointList>(wanted).coordinates, *context.shape);
    if (contiguous != nullptr) return gatherContiguous(context, *contiguous, elements, target);
    gatherInline(context, std::get<InlineBytes>(storage), elements, target);
  }

  static void takeAnswer(const LibraryAnswer& answer, std::span<std::byte> target) {
    if (answer.elements.size() != target.size())
      throw FileError("the planner's elements do not have the size asked for");
    std::copy(answer.elements.begin(), answer.elements.end(), target.begin());
  }

  void takeFrom(const FromArray& from, std::span<std::byte> target) {
    const Bytes& elements = madeOf(*from.array).elements;
    if (from.picked) return pick(elements, *from.picked, target, from.array->elementBytes());
    if (elements.size() != target.size()) throw Failed("carrying out: an array of another size");
    std::copy(elements.begin(), elements.end(), target.begin());
  }

  // Each array once, however many pieces are of it.
  const PackedData& madeOf(const ArrayPlan& array) {
    auto made = made_.find(&array);
    if (made != made_.end()) return made->second;
    PackedData data;
    data.elements.resize(elementCount(array.counts) * array.elementBytes());
    Heap heap(rpc::MAX_ELEMENT_BYTES);
    make(array, data.elements, heap);
    data.heap = heap.take();
    return made_.emplace(&array, std::move(data)).first->second;
  }

  const ReadPlan& plan_;
  const Supplies& supplies_;
  ChunkCache::Waiting& waiting_;
  std::map<const ArrayPlan*, PackedData> made_;
};

}  // namespace

void carryOut(const ReadPlan& plan, const Supplies& supplies, ChunkCache::Waiting& waiting, std::span<std::byte> target,
              Heap& heap) {
  waiting.begin();
  CarryingOut(plan, supplies, waiting).make(*plan.array, target, heap);
}

void carryOutPart(const ReadPlan& plan, const Supplies& supplies, ChunkCache::Waiting& waiting,
                  const ElementOrigin& origin, const PartGoal& goal) {
  waiting.begin();
  if (origin.piece == nullptr) return takePart(origin.array->fillElement, goal);
  const PlannedDataset& dataset = *origin.piece->dataset;
  const FileAtHand& file = supplies.files.at(dataset.file);
  GatherContext context = contextOf(file, dataset, supplies, waiting);
  auto gather = Overloaded{
      [&](const FromRawFiles& from) {
        context.file = supplies.rawFiles.at(from.rawRead).get();
        gatherPart(context, plan.rawReads.at(from.rawRead), goal);
      },
      [&](const auto& from) { gatherPart(context, *dataset.storage, from, goal); },
      [](const FromLibrary&) { throw Failed("carrying out: a part that only libhdf5 has"); },
      [](const FromArray&) { throw Failed("carrying out: an array is no stored dataset"); },
  };
  named(file, [&] { std::visit(gather, origin.piece->from); });
}

const LibraryAnswer* wholeAnswer(const ReadPlan& plan, const Supplies& supplies) {
  const ArrayPlan& array = *plan.array;
  if (array.pieces.size() != 1 || array.pieces.front().convertedFrom) return nullptr;
  const auto* from = std::get_if<FromLibrary>(&array.pieces.front().from);
  const std::uint64_t total = elementCount(array.counts);
  if (from == nullptr || asStretch(array.pieces.front().place, array.counts) != Stretch{0, total}) return nullptr;
  const LibraryAnswer& answer = supplies.answers.at(from->libraryRead);
  return answer.elements.size() == total * array.elementBytes() ? &answer : nullptr;
}

}  // namespace h5cap
