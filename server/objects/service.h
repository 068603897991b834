// Where a conversation starts.
#pragma once

#include <h5cap/service.capnp.h>

#include "server/session/server-context.h"

namespace h5cap {

// The bootstrap capability of one connection, whose peer the transport has shown to be `principal`.
rpc::Service::Client makeService(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal);

// "h5capd 0.1.0"
std::string softwareName();

}  // namespace h5cap
