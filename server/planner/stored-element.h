// One element with variable-length data as its file stores it: found without reading that data, so that parts of it
// can be read where they lie ("Global Heap", III.E of the HDF5 file format specification).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/fields.h"
#include "server/planner/open-file.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

// Packed, with places, and where what they lead to is in the file: one after the other it is the element's heap.
struct StoredElement {
  struct Item {
    std::uint64_t address = 0;  // absolute in the file
    std::uint64_t bytes = 0;
  };
  Bytes packed;
  std::vector<Item> heap;

  std::uint64_t total() const;

  // Bytes [first, first + count) of both, one behind the other; they have these.  FileError.
  Bytes read(const OpenFile& file, ByteRange range) const;
};

// How much variable-length data the element at `coordinates` says that it has, not counting what that leads to in turn.
// Zero where only libhdf5 can tell.  Reads just the element.
std::uint64_t statedHeapBytes(const OpenFile& file, ObjectId dataset, const MappedType& type,
                              std::span<const std::uint64_t> coordinates);

// The element at `coordinates`, which lie in the shape.  Nothing where only libhdf5 can tell: for variable-length data
// within variable-length data, references, and files, layouts and filters that are unusual.  Strings end at their first
// NUL, as libhdf5's: that is looked for in memory of 1 MiB.
std::optional<StoredElement> findStoredElement(const OpenFile& file, ObjectId dataset,
                                               std::span<const std::uint64_t> coordinates);

}  // namespace h5cap::hdf5
