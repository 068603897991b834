// From an endpoint to a connected byte stream.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/endpoint.h"
#include "h5cap/options.h"

namespace h5cap::detail {

struct Socket {
  int fd = -1;        // connected, non-blocking, close-on-exec
  int errorFd = -1;   // ssh: what it writes to its standard error
  pid_t child = -1;   // ssh
};

// Connects within `options.timeout`; calls `options.interrupted` while it waits.  Throws Disconnected naming the
// address, Unimplemented for TLS.
Socket connectTo(const Endpoint& endpoint, const ConnectOptions& options);

}  // namespace h5cap::detail
