// Where a conversation starts.
#pragma once

#include <h5cap/service.capnp.h>

#include "server/session/server-context.h"

namespace h5cap {

// The bootstrap capability of one connection, whose peer the transport has shown to be `identity`.
rpc::Service::Client makeService(kj::Own<ConnectionState> connection, Identity identity);

// "h5capd 0.1.0"
std::string softwareName();

}  // namespace h5cap
