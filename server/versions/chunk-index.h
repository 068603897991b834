// Where the chunks of datasets are, remembered in blocks of neighbouring chunks.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/chunk-grid.h"
#include "core/storage.h"
#include "server/planner-pool/planner.h"
#include "server/versions/knowledge.h"

namespace h5cap {

class ChunkIndex {
 public:
  // Both outlive it.
  ChunkIndex(Planner& planner, Knowledge& knowledge) : planner_(planner), knowledge_(knowledge) {}

  // Extents of the chunks in `box`, in C order.  The box lies in `grid` and has at most rpc::MAX_PLAN_CHUNKS.
  kj::Promise<std::shared_ptr<const Extents>> find(ObjectId dataset, const Shape& grid, const ChunkBox& box);

  // Extents of chunks by their numbers in C order of `grid`, ascending, in this order.
  kj::Promise<std::shared_ptr<const Extents>> findEach(ObjectId dataset, const Shape& grid,
                                                       std::vector<std::uint64_t> numbers);

 private:
  static constexpr std::uint64_t blockChunks = 1024;  // about a millisecond of a planner's time

  kj::Promise<std::shared_ptr<const Extents>> ask(ObjectId dataset, const ChunkBox& box);
  kj::Promise<std::shared_ptr<const Extents>> fromBlocks(ObjectId dataset, const Shape& grid, const ChunkBox& box,
                                                         std::vector<Shape> firsts, const Shape& blockShape);

  Planner& planner_;
  Knowledge& knowledge_;  // blocks by their first chunks
};

}  // namespace h5cap
