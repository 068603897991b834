// Where a conversation starts.
#pragma once

#include <h5cap/service.capnp.h>

#include "server/session/server-context.h"

namespace h5cap {

// The bootstrap capability of one connection, for whoever the transport has shown its peer to be.  Every call of
// it raises busy when they hold too much elsewhere.
rpc::Service::Client makeService(kj::Own<Caller> caller);

// "h5capd 0.1.0"
std::string softwareName();

}  // namespace h5cap
