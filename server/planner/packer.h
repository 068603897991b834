// From elements in libhdf5's memory layout to packed elements and their heap.
#pragma once

#include "core/heap.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

// Packs `count` elements.  Fails with FileError (tooLarge) once elements and heap together exceed `maxBytes`.
PackedData pack(const MemoryLayout& layout, const std::byte* memory, std::size_t count, std::size_t maxBytes);

}  // namespace h5cap::hdf5
