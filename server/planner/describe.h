// One object as a NodeInfo.
#pragma once

#include "h5cap/node.h"
#include "server/planner/dataset-info.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

// Links are included up to 1,000, attributes up to 1,000 and 64 KiB.  Never throws for what is wrong with the object:
// that becomes `problem`, and what is known stands beside it.
NodeInfo describeNode(const OpenFile& file, ObjectId id, Detail detail);

}  // namespace h5cap::hdf5
