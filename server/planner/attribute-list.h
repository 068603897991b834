// The attributes of one object, with their values.
#pragma once

#include <hdf5.h>

#include <string>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

inline constexpr std::size_t MAX_LISTED_VALUE_BYTES = 4096;

struct AttributeName {
  std::string name;
  CharacterSet characterSet = CharacterSet::ascii;
  std::int64_t creationOrder = -1;
};

// All names, bytewise in order; those that are too new for libhdf5 with the others, as far as newer-attributes.h tells.
std::vector<AttributeName> attributeNames(hid_t object, ObjectId id);

// A value of more than `maxBytes` is omitted.  What cannot be read or is not served is `unreadable`, and nothing is
// thrown.
Attribute listAttribute(hid_t object, ObjectId id, const AttributeName& name,
                        std::size_t maxBytes = MAX_LISTED_VALUE_BYTES);

inline constexpr std::size_t MAX_VALUE_BYTES = 32 << 20;

// With its value, whole.  NotFound; FileError (tooLarge) above `maxBytes`.
Attribute readAttribute(hid_t object, ObjectId id, const std::string& name,
                        std::size_t maxBytes = MAX_VALUE_BYTES);

}  // namespace h5cap::hdf5
