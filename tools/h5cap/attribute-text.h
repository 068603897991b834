// An attribute's value on one line.
#pragma once

#include <string>

#include "h5cap/client.h"

namespace h5cap::cli {

// The value, cut after a few elements; or its size when it is large, or why it cannot be read.
std::string attributeText(const Attribute& attribute);

}  // namespace h5cap::cli
