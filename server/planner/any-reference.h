// Tokens of references of any kind (H5T_STD_REF, HDF5 1.12 and later): capnp/h5cap/types.capnp says how they begin.
//
// What follows there is the object's address, the name of its file when that is another one, and what a region
// reference selects, as a message of the contract: nothing that libhdf5 would have to decode, for a token may come from
// anybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

struct ReferenceToken {
  enum class Kind : std::uint8_t { object = 1, region = 2, attribute = 3 };

  Kind kind = Kind::object;
  std::string attribute;            // its name
  std::uint64_t address = 0;        // of the object
  std::string file;                 // empty: the file that the reference is in
  std::optional<Hyperslab> region;  // nothing where libhdf5 could not tell
};

// Whether it is one of these: those of older references have 8 or 12 bytes.
bool isReferenceToken(std::span<const std::byte> token);

// Throws BadType for what no planner has made.
ReferenceToken readToken(std::span<const std::byte> token);

// Of a reference in libhdf5's memory (an H5R_ref_t); empty for a null one.  Opens the dataset of a region.  FileError.
Bytes tokenOf(const std::byte* reference);

}  // namespace h5cap::hdf5
