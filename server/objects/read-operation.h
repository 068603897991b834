// State of one read of a dataset: finds the version, cuts what one reply carries, and fetches it from wherever it is.
//
// The steps follow each other; each returns whether the file is still the version that was read.
#pragma once

#include <algorithm>

#include "server/objects/dataset-reader.h"
#include "server/objects/virtual-extent.h"

namespace h5cap {

class RawFiles;

class ReadOperation {
 public:
  ReadOperation(NodePlace place, ReadRequest request, ElementSpace& space, int depthLeft);

  kj::Promise<ReadResult> run();

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
  bool isKnown() const;
  kj::Promise<bool> verify();

  // read-storage.cc: elements that the front finds in the file by itself.
  kj::Promise<bool> fetch();
  kj::Promise<bool> fill();
  kj::Promise<bool> fromChunks(const ChunkedStorage& chunked);
  kj::Promise<bool> gather(std::shared_ptr<const Extents> extents, ChunkBox box);

  // read-external.cc: elements in external raw files.
  kj::Promise<bool> fromRawFiles(const ExternalStorage& storage);
  kj::Promise<bool> gatherRaw(std::shared_ptr<RawFiles> files);

  // read-elsewhere.cc: elements that libhdf5 reads, or that other datasets hold.
  kj::Promise<bool> planMeasured();
  kj::Promise<bool> fromLibrary();
  kj::Promise<bool> takeElements(kj::Own<PlannerAnswer> answer);
  kj::Promise<bool> fromSources(const VirtualStorage& storage);

  kj::Duration changedFor() const { return server_.limits.changedFor.count() * kj::MILLISECONDS; }
  const DatasetInfo& dataset() const { return *node_->dataset; }
  std::size_t elementBytes() const { return std::max<std::size_t>(dataset().type.size(), 1); }

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
  Region region_;
  std::uint64_t total_ = 0;
  std::uint64_t replyBytes_ = 0;
  Run run_;
  ReadResult result_;
};

}  // namespace h5cap
