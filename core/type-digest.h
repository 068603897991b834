// A number that says whether two ends mean the same elements.
#pragma once

#include <cstdint>

#include "h5cap/data-type.h"

namespace h5cap {

// Equal for types whose elements mean the same; others differ, but for one pair of 2^64.  Never zero.  Whether a type
// is committed does not enter.  Made of the class (its number in the variant of DataType), the size, and every member
// in the order of declaration: other versions of this software have to make the same of them, for they compare theirs.
std::uint64_t digestOf(const DataType& type);

}  // namespace h5cap
