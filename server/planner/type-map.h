// HDF5 datatypes as values, and how elements move from libhdf5's memory layout to the packed one.
//
// Elements are read with the file's own type as memory type, so libhdf5 converts nothing but what is not in the element
// itself: it has a `char*` for a string, an `hvl_t` for a sequence, and an `H5R_ref_t` for a reference of HDF5 1.12's
// type.  All three become 16 bytes in packed elements (capnp/h5cap/types.capnp), and the members of a compound behind
// them move by the difference; everything else keeps HDF5's size and offsets.
#pragma once

#include <hdf5.h>

#include <memory>
#include <vector>

#include "h5cap/data-type.h"

namespace h5cap::hdf5 {

struct MemoryLayout;
using SharedLayout = std::shared_ptr<const MemoryLayout>;

struct MemoryLayout {
  enum class Kind {
    plain,      // the same bytes in memory and packed
    string,     // char*
    sequence,   // hvl_t of `base`
    reference,  // H5R_ref_t
    composite,  // `parts`
  };
  struct Part {
    std::size_t memoryOffset = 0;
    std::size_t packedOffset = 0;
    std::size_t count = 1;
    SharedLayout layout;
  };

  Kind kind = Kind::plain;
  std::size_t memoryBytes = 0;
  std::size_t packedBytes = 0;
  SharedLayout base;
  std::vector<Part> parts;
};

// Whether there are references in it, which hold the file until they are given back.
bool holdsReferences(const MemoryLayout& layout);

struct MappedType {
  DataType type;
  SharedLayout layout;
};

// The datatype behind `type`.  Classes that are not served become UnsupportedType or carry a reason
// (DataType::unsupportedReason); throws FileError for types that libhdf5 cannot take apart or that nest too deep.
MappedType mapType(hid_t type);

}  // namespace h5cap::hdf5
