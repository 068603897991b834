// HDF5 dataspaces, and the selections stored in virtual mappings, as values.
#pragma once

#include <hdf5.h>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

Dataspace readSpace(hid_t space);

// How many elements; zero for a null space.  FileError (fileProblem) when the product overflows.
std::uint64_t elementsIn(const Dataspace& space);

// The selection of `space`.  An irregular one of more than 65,536 boxes, or one of more than a million points, is
// Unimplemented.
Hyperslab readSelection(hid_t space);

}  // namespace h5cap::hdf5
