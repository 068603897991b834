// Object and region references.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "h5cap/node.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

struct Referenced {
  NodeInfo target;
  std::string path;  // one that leads there; empty when none does
  Hyperslab stored;  // what a region reference selects; `all` for an object reference
};

// What one element of a reference type, as the file stores it, names: 8 bytes an object, 12 a region of a dataset,
// or a token (any-reference.h), of an attribute the object that has it.
// NotFound for a null reference and for one to nothing, BadType for another size, Unimplemented for a region of too
// many boxes, and for one into another file.
Referenced dereference(const OpenFile& file, std::span<const std::byte> token);

}  // namespace h5cap::hdf5
