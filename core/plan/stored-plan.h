// Plans for datasets whose elements their own file holds, and for those in raw files beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/plan/read-plan.h"

namespace h5cap {

// The dataset of a node, in file number `file` of a plan.  `shape`: the extent that it is read with.
std::shared_ptr<const PlannedDataset> plannedDataset(std::size_t file, const NodeInfo& node, Shape shape,
                                                     std::shared_ptr<const Storage> storage);

// Who can tell where the elements are.
enum class Road {
  fill,      // nothing was ever written
  onePiece,  // in one piece, or in the header
  chunks,    // their extents say it
  rawFiles,
  library,   // libhdf5 alone
  sources,   // a virtual dataset's
};
Road roadOf(const PlannedDataset& dataset);

// Which chunks of a chunked dataset have to be known before a plan can be made.
struct ChunkQuestion {
  Shape grid;                            // number of chunks along each axis
  ChunkBox box;                          // for a region
  std::shared_ptr<const ChunkElements> elements;  // for single elements: those of `elements->chunks`; null for a region
  std::uint64_t chunkCount = 0;          // saturates
};

// FileError (fileProblem) when chunks and dataset do not agree.  Of single elements it takes a while for many.
ChunkQuestion chunksOf(const PlannedDataset& dataset, const Wanted& wanted);

// `extents` answer `question`.  An array of counts(wanted) without a piece when no chunk was ever written.
ArrayPlan planChunks(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted, ChunkQuestion question,
                     std::shared_ptr<const Extents> extents);

ArrayPlan planOnePiece(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted);
ArrayPlan planFill(const PlannedDataset& dataset, const Wanted& wanted);

// Cut to questions that one answer can hold, which are added to `reads`.
ArrayPlan planLibrary(std::shared_ptr<const PlannedDataset> dataset, Wanted wanted, std::vector<LibraryRead>& reads);

// By regions, which are added to `reads`.  FileError (fileProblem) for variable-length data, (tooLarge) when they take
// more than `maxSlots` raw files, those in `reads` included.
ArrayPlan planRawFiles(std::shared_ptr<const PlannedDataset> dataset, const Wanted& wanted,
                       std::vector<RawFilesRead>& reads, std::size_t maxSlots);

}  // namespace h5cap
