// One read of a dataset: from a selection to the elements of one reply.
#pragma once

#include "server/reading/read-request.h"

namespace h5cap {

// Reads the elements of one reply into `space`, from one version of the file and of everything else that it is made of:
// starts again while any of it changes, for as long as ObjectLimits says, then fails with `changed`.  `space` outlives
// the promise; dropping the promise stops the work.  BadSelection, BadType, FileError, Unimplemented.
kj::Promise<ReadResult> readDataset(NodePlace place, ReadRequest request, ElementSpace& space);

}  // namespace h5cap
