// Where a dataset's elements are in the file.
#pragma once

#include "core/storage.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

// BadType for what is no dataset, FileError, Unimplemented.  Variable-length data is LibraryOnly unless unallocated.
Storage planStorage(const OpenFile& file, ObjectId dataset);

}  // namespace h5cap::hdf5
