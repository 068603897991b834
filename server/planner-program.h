// Where h5cap-planner is, and what it is made of.
#pragma once

#include <string>

namespace h5cap {

// $H5CAP_PLANNER, or the one beside this program or in its ../libexec/h5cap.  Throws std::runtime_error when there is
// none.
std::string plannerProgram();

// What it says of itself and its libhdf5, on one line: "h5cap-planner, libhdf5 2.2.0".  Runs it; throws
// std::runtime_error when it does not say.
std::string plannerVersion(const std::string& program);

}  // namespace h5cap
