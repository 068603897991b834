// Elements by way of H5Dread, for what only the library can read.
#pragma once

#include <span>

#include "core/heap.h"
#include "h5cap/node.h"
#include "h5cap/selection.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

inline constexpr std::size_t MAX_ELEMENT_REPLY_BYTES = 48 << 20;

// The elements of `region`, packed in C order, or when there are points those: coordinates of one after the other.
// BadSelection outside the shape; FileError (tooLarge) when elements and heap exceed MAX_ELEMENT_REPLY_BYTES,
// (missingFilter) naming the filter, (fileProblem); Unimplemented for types that are not served and for datasets whose
// elements are in other files.
PackedData readElements(const OpenFile& file, ObjectId dataset, const Region& region,
                        std::span<const std::uint64_t> points);

// One element, of up to `maxBytes` with its heap.  Failures as above.
PackedData readElement(const OpenFile& file, ObjectId dataset, std::span<const std::uint64_t> coordinates,
                       std::size_t maxBytes);

// BadSelection unless they are of an element of the dataset.
void checkCoordinates(const OpenFile& file, ObjectId dataset, std::span<const std::uint64_t> coordinates);

}  // namespace h5cap::hdf5
