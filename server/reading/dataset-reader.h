// One read of a dataset: from a selection to the elements of one reply.
#pragma once

#include <string>
#include <vector>

#include "server/reading/read-request.h"

namespace h5cap {

// Reads the elements of one reply into `space`, from one version of the file: starts again while the file changes, for
// as long as ObjectLimits says, then fails with `changed`.  `space` outlives the promise; dropping the promise stops
// the work.  BadSelection, BadType, FileError, Unimplemented.
kj::Promise<ReadResult> readDataset(NodePlace place, ReadRequest request, ElementSpace& space,
                                    int depthLeft = maxVirtualDepth);

// All elements of a selection, in memory of their own.  FileError (tooLarge) once their heap exceeds `maxHeapBytes`.
struct WholeRead {
  DataType type;
  Bytes elements;
  Bytes heap;
  std::vector<std::string> missingSources;
};
kj::Promise<WholeRead> readWhole(NodePlace place, WorkOwner owner, Selection selection, AbsentSources absentSources,
                                 std::uint64_t maxHeapBytes, int depthLeft);

}  // namespace h5cap
