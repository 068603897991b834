// Selections as people type them: "0,10:20", "...,::2", "[1,5,7],:".
#pragma once

#include <string>
#include <string_view>

#include "h5cap/selection.h"

namespace h5cap {

// NumPy's basic notation without the outer brackets.  Throws BadSelection naming the part that it cannot read.
Selection parseSlice(std::string_view text);
std::string formatSlice(const Selection& selection);

}  // namespace h5cap
