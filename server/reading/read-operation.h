// State of one read of a dataset: finds the version, cuts what one reply carries, and fetches it from wherever it is.
//
// The steps follow each other; each returns whether the file is still the version that was read.
#pragma once

#include <algorithm>
#include <memory>
#include <set>

#include "core/plan/cover.h"
#include "core/fields.h"
#include "core/slot-map.h"
#include "server/executor/gather.h"
#include "server/reading/read-request.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {

class RawFiles;

class ReadOperation {
 public:
  ReadOperation(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft);

  kj::Promise<ReadResult> run();

  OpenFile& file() { return *place_.file; }
  kj::Timer& timer() { return server_.timer; }

 private:
  using Extents = std::vector<ChunkExtent>;

  // read-operation.cc: which version, and which elements.
  kj::Promise<kj::Own<FileVersion>> firstVersion();
  kj::Promise<ReadResult> attemptUntilUnchanged(kj::Own<FileVersion> version);
  kj::Promise<bool> attempt();
  kj::Promise<bool> plan();
  kj::Promise<bool> planWithin(const Shape& shape);
  void cut(std::uint64_t maxElements);
  kj::Promise<bool> nothing();
  VersionStability stability() const;
  bool isKnown() const;
  kj::Promise<bool> verify();

  // read-storage.cc: elements that the front finds in the file by itself.
  kj::Promise<bool> fetch();
  kj::Promise<bool> fill();
  void setFill();
  kj::Promise<bool> fromChunks(const ChunkedStorage& chunked);
  Shape chunkGrid(const ChunkedStorage& chunked) const;
  kj::Promise<bool> elementsFromChunks(const ChunkedStorage& chunked);
  kj::Promise<bool> elementsFromOnePiece();
  using Gather = kj::Function<void(const GatherContext&, std::span<std::byte> result)>;
  kj::Promise<bool> gatherBy(Gather gather);
  kj::Promise<bool> gather(std::shared_ptr<const Extents> extents, ChunkBox box);

  // read-external.cc: elements in external raw files.
  kj::Promise<bool> fromRawFiles(const ExternalStorage& storage);
  kj::Promise<bool> gatherRaw(std::shared_ptr<RawFiles> files, std::vector<CoveredElements> regions);
  std::vector<CoveredElements> coveredRegions() const;
  std::set<std::size_t> touched(const SlotMap& map, const std::vector<CoveredElements>& regions) const;

  // read-elsewhere.cc: elements that libhdf5 reads, or that other datasets hold.
  kj::Promise<bool> planMeasured();
  kj::Promise<bool> fromLibrary();
  kj::Promise<bool> takeElements(kj::Own<PlannerAnswer> answer);
  void pickInto(std::span<std::byte> target, std::span<const std::byte> elements, std::span<const std::byte> heap);
  kj::Promise<bool> fromSources(const VirtualStorage& storage);
  struct Piece;
  class Scattered;
  kj::Promise<Piece> virtualPiece(const VirtualStorage& storage, Region region);
  kj::Promise<Piece> elementsFromSources(const VirtualStorage& storage);

  kj::Duration changedFor() const { return server_.limits.changedFor.count() * kj::MILLISECONDS; }
  const DatasetInfo& dataset() const { return *node_->dataset; }
  std::size_t elementBytes() const { return std::max<std::size_t>(dataset().type.size(), 1); }

  // Of what the reply carries: the fields that were asked for.
  std::size_t packedBytes() const {
    return picker_ ? std::max<std::size_t>(picker_->type().size(), 1) : elementBytes();
  }

  // Whether single elements are read, and not a region.
  bool isScattered() const { return !wanted_->isOrthogonal() && !result_.shape.empty(); }

  // How far mappings reach.
  const Shape& virtualShape() const { return extent_ ? extent_->shape : dataset().space.shape; }

  // What elements read as that were never written.
  bool readsZeros() const;
  Bytes fillElement() const { return readsZeros() ? Bytes(elementBytes()) : dataset().fillValue; }

  NodePlace place_;
  ReadRequest request_;
  ElementSpace& space_;
  int depthLeft_;
  ServerContext& server_;
  kj::TimePoint giveUp_;

  // Of the attempt under way.
  kj::Own<FileVersion> version_;
  NodePointer node_;
  std::shared_ptr<const Storage> storage_;
  std::optional<VirtualExtent> extent_;  // of a virtual dataset that grows with its sources
  bool isSwmr_ = false;
  std::optional<Resolved> wanted_;
  std::shared_ptr<const FieldPicker> picker_;  // when only some fields are wanted
  std::uint64_t total_ = 0;
  std::uint64_t replyBytes_ = 0;
  Run run_;                                   // without a part when single elements are read
  std::vector<std::uint64_t> coordinates_;    // of these
  ReadResult result_;
};

}  // namespace h5cap
