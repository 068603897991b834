// Elements of a source as elements of the virtual dataset that maps it.
#pragma once

#include "core/heap.h"
#include "h5cap/data-type.h"

namespace h5cap {

// What libhdf5 makes of them when h5py reads the virtual dataset: compounds member by member, by name, in any order;
// arrays and sequences element by element; members that the source lacks are zeros; fixed strings become variable ones,
// and these keep their bytes whatever the character set; enumerations keep their numbers; all else is convertElements.
// Throws BadType, naming both types, where libhdf5 has no conversion either, Unimplemented where it has one; also for
// no elements.  FileError (fileProblem) for a place outside of the heap and for data that overlaps itself, (tooLarge)
// once the heap exceeds `maxHeapBytes`.  Data that elements share stays shared.
PackedData convertSource(const DataType& from, PackedData data, const DataType& to, std::uint64_t maxHeapBytes);

}  // namespace h5cap
