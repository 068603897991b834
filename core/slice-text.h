// Selections as people type them: "0,10:20", "...,::2", "[1,5,7],:".
#pragma once

#include <string>
#include <string_view>

#include "h5cap/selection.h"

namespace h5cap {

// NumPy's basic notation without the outer brackets.  Throws BadSelection naming the part that it cannot read.
Selection parseSlice(std::string_view text);

// A mask along an axis is written as a list.  Throws BadSelection for points and masks over elements.
std::string formatSlice(const Selection& selection);

}  // namespace h5cap
