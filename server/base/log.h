// One line a message on standard error, with the time.
#pragma once

#include <string>

namespace h5cap {

void logLine(const std::string& text);

}  // namespace h5cap
