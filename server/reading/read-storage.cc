#include <algorithm>

#include "core/codec/codec.h"
#include "server/executor/gather.h"
#include "server/executor/loan.h"
#include "server/base/guarded.h"
#include "server/reading/read-operation.h"

namespace h5cap {
namespace {

std::uint64_t saturatingProduct(const Shape& counts) {
  std::uint64_t product = 1;
  for (std::uint64_t count : counts)
    if (__builtin_mul_overflow(product, count, &product)) return unlimited;
  return product;
}

// This thread's memory for one reply.  Kept from read to read, since fresh pages cost more than zeroing them.
std::span<std::byte> zeroedScratch(std::size_t bytes) {
  constexpr std::size_t keptBytes = 4 << 20;
  thread_local Bytes scratch;
  if (scratch.capacity() > keptBytes && bytes <= keptBytes) scratch = Bytes();
  scratch.assign(bytes, std::byte{0});
  return scratch;
}

}  // namespace

kj::Promise<bool> ReadOperation::fetch() {
  if (std::holds_alternative<Unallocated>(*storage_)) return fill();
  if (auto* sources = std::get_if<VirtualStorage>(storage_.get())) return fromSources(*sources);
  if (auto* external = std::get_if<ExternalStorage>(storage_.get())) return fromRawFiles(*external);
  if (dataset().type.hasVariable() || std::holds_alternative<LibraryOnly>(*storage_)) return fromLibrary();
  if (auto* chunked = std::get_if<ChunkedStorage>(storage_.get())) {
    if (!codec::canDecode(chunked->filters)) return fromLibrary();
    return isScattered() ? elementsFromChunks(*chunked) : fromChunks(*chunked);
  }
  return isScattered() ? elementsFromOnePiece() : gather(nullptr, ChunkBox{});
}

// What elements read as that were never written.
bool ReadOperation::readsZeros() const {
  if (dataset().fillTime == FillTime::never && dataset().layout != Layout::virtualMapping) return true;
  return dataset().fillValue.empty();
}

kj::Promise<bool> ReadOperation::fill() {
  // One element says it all, so the whole rest fits one reply.
  result_.count = total_ - request_.firstElement;
  result_.next = std::nullopt;
  setFill();
  return verify();
}

void ReadOperation::setFill() {
  result_.fill = fillElement();
  if (!readsZeros()) result_.heap = dataset().fillHeap;
  if (!picker_) return;
  Bytes picked(packedBytes());
  picker_->pick(*result_.fill, picked);
  result_.heap = picker_->pickHeap(picked, result_.heap);
  result_.fill = std::move(picked);
}

Shape ReadOperation::chunkGrid(const ChunkedStorage& chunked) const {
  const Shape& chunk = chunked.chunkShape;
  if (chunk.size() != result_.shape.size() || std::find(chunk.begin(), chunk.end(), 0u) != chunk.end())
    raiseKj(ErrorCode::fileProblem, place_.text() + ": chunk shape and dataset shape do not agree");
  Shape grid(chunk.size());
  for (std::size_t axis = 0; axis < grid.size(); ++axis)
    grid[axis] = result_.shape[axis] / chunk[axis] + (result_.shape[axis] % chunk[axis] != 0);
  return grid;
}

kj::Promise<bool> ReadOperation::fromChunks(const ChunkedStorage& chunked) {
  const Shape& chunk = chunked.chunkShape;
  const Shape grid = chunkGrid(chunked);
  ChunkBox box = chunkBox(run_.part, chunk);
  while (saturatingProduct(box.count) > rpc::MAX_PLAN_CHUNKS && run_.count > 1) {
    cut(run_.count / 2);
    box = chunkBox(run_.part, chunk);
  }
  return version_->extents(node_->id, grid, box)
      .then([this, box](std::shared_ptr<const Extents> extents) -> kj::Promise<bool> {
        const bool neverWritten = std::all_of(extents->begin(), extents->end(), [](const ChunkExtent& extent) {
          return extent.address == ChunkExtent::neverWritten;
        });
        if (!neverWritten) return gather(kj::mv(extents), box);
        setFill();
        return verify();
      });
}

kj::Promise<bool> ReadOperation::elementsFromChunks(const ChunkedStorage& chunked) {
  const Shape grid = chunkGrid(chunked);
  auto group = [coordinates = coordinates_, grid, chunk = chunked.chunkShape] {
    return std::make_shared<ChunkElements>(groupByChunk(coordinates, grid, chunk));
  };
  return server_.executor.run<std::shared_ptr<ChunkElements>>(request_.owner, kj::mv(group))
      .then([this, grid, &chunked](std::shared_ptr<ChunkElements> wanted) -> kj::Promise<bool> {
        if (wanted->chunks.size() > rpc::MAX_PLAN_CHUNKS && run_.count > 1) {
          cut(run_.count / 2);
          return elementsFromChunks(chunked);
        }
        auto found = version_->extentsOf(node_->id, grid, wanted->chunks);
        return found.then([this, grid, wanted](std::shared_ptr<const Extents> extents) -> kj::Promise<bool> {
          return gatherBy([grid, wanted, extents, storage = storage_](const GatherContext& context,
                                                                      std::span<std::byte> result) {
            gatherChunks(context, std::get<ChunkedStorage>(*storage), grid, *extents, *wanted, result);
          });
        });
      });
}

kj::Promise<bool> ReadOperation::elementsFromOnePiece() {
  return gatherBy([coordinates = coordinates_, storage = storage_](const GatherContext& context,
                                                                   std::span<std::byte> result) {
    const ChunkElements wanted = inOnePiece(coordinates, context.shape);
    if (auto* contiguous = std::get_if<ContiguousStorage>(storage.get()))
      gatherContiguous(context, *contiguous, wanted, result);
    else
      gatherInline(context, std::get<InlineBytes>(*storage), wanted, result);
  });
}

kj::Promise<bool> ReadOperation::gather(std::shared_ptr<const Extents> extents, ChunkBox box) {
  return gatherBy([extents = kj::mv(extents), box = std::move(box), part = run_.part, storage = storage_](
                      const GatherContext& context, std::span<std::byte> result) {
    if (auto* contiguous = std::get_if<ContiguousStorage>(storage.get()))
      gatherContiguous(context, *contiguous, part, result);
    else if (auto* bytes = std::get_if<InlineBytes>(storage.get()))
      gatherInline(context, *bytes, part, result);
    else
      gatherChunks(context, std::get<ChunkedStorage>(*storage), box, *extents, part, result);
  });
}

// Reads and decodes on an executor thread, and looks at the stamp there when it is done.
//
// Work that has begun outlives a read that is cancelled, but the reply does not: it reads into memory of its own, and
// copies what it has while there is somewhere to copy it to.
kj::Promise<bool> ReadOperation::gatherBy(Gather gather) {
  return space_.reserve(run_.count * packedBytes())
      .then([this, gather = kj::mv(gather)](std::span<std::byte> target) mutable {
        // What may still change is decoded for this read alone.
        ChunkCache* cache = version_->isSettled() || isSwmr_ ? &server_.chunks : nullptr;
        GatherContext context{version_->file(), version_->state().size, version_->name(), cache,
                              elementBytes(),   fillElement(),          result_.shape,    &server_.executor.decoding()};
        auto loan = std::make_shared<Loan>();
        auto work = [context = std::move(context), gather = kj::mv(gather), target, loan, count = run_.count,
                     picker = picker_, node = node_, state = version_->state(), file = version_->sharedFile(),
                     isSwmr = isSwmr_]() mutable {
          if (isSwmr) context.fileSize = stateOf(context.file).size;
          auto whole = zeroedScratch(count * context.elementBytes);
          gather(context, whole);
          std::span<const std::byte> elements = whole;
          bool isUnchanged = isSwmr || stateOf(context.file) == state;
          Bytes picked;
          if (picker) {
            picked.resize(target.size());
            picker->pick(whole, picked);
            elements = picked;
          }
          loan->whileLent([&] { std::copy(elements.begin(), elements.end(), target.begin()); });
          return isUnchanged;
        };
        return server_.executor.run<bool>(version_->sharedFile()->lane(), request_.owner, kj::mv(work))
            .attach(kj::defer([loan] { loan->end(); }));
      });
}

}  // namespace h5cap
