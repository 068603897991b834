// h5capd, wired together.
#pragma once

#include "server/options.h"

namespace h5cap {

// Serves until SIGTERM or SIGINT, then lets the calls that run finish for a few seconds.  Returns the exit status.
// Throws std::exception or kj::Exception when it cannot start.
int serve(const ServerOptions& options);

}  // namespace h5cap
