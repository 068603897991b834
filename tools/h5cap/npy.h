// NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <string>

#include "h5cap/client.h"

namespace h5cap::cli {

// Header of a file that holds elements of `type` in this shape, followed by the elements just as they are packed.
// Throws BadType for what .npy cannot hold (variable-length data, references, unusual numbers).
std::string npyHeader(const DataType& type, const Shape& shape);

}  // namespace h5cap::cli
