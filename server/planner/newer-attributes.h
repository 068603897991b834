// Attributes that only a newer libhdf5 can read, hidden from this one: it gives up an object's attributes, all of them,
// at the first that it does not know.
//
// Attributes stand as messages in the object's header (format specification, IV.A.1.b) as long as they are few.  Those
// whose datatype is too new look to libhdf5 like messages of no meaning (NIL), by way of the driver: the file is as it
// was.  Not covered: attributes in a heap of their own, which is where more than eight of an object are kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

struct NewerAttribute {
  std::string name;
  CharacterSet characterSet = CharacterSet::ascii;
  unsigned datatypeVersion = 0;
};

// Hides those of an object, once; before libhdf5 reads its header, and only in files that nobody writes.  `superblock`
// is where the file begins.  Does nothing where this libhdf5 knows all versions.
void hideNewerAttributes(int descriptor, std::uint64_t superblock, ObjectId id);

// The same of the root group, which libhdf5 reads when it opens the file.
void hideNewerAttributesOfRoot(int descriptor, std::uint64_t superblock);

// Those that have been hidden of an object.
const std::vector<NewerAttribute>& newerAttributes(ObjectId id);

}  // namespace h5cap::hdf5
