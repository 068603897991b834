// Where chunks are in the file, by recording what libhdf5 would read.
//
// libhdf5's own queries are linear in the number of chunks and wrong for some indexes; H5Dread_chunk is right for every
// kind of index, and with raw reads noted instead of done it costs about a microsecond a chunk.
#pragma once

#include <vector>

#include "core/storage.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

// Extents of the chunks in a box of chunk coordinates, in C order.  BadType unless chunked, BadSelection outside the
// shape, FileError (fileProblem) for an index that cannot be read, (tooLarge) above `maxPlanChunks`.
std::vector<ChunkExtent> planChunks(const OpenFile& file, ObjectId dataset, const Shape& first, const Shape& count);

}  // namespace h5cap::hdf5
