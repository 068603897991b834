// One connection: a stream, Cap'n Proto on it, and the service behind it.
#pragma once

#include <kj/async-io.h>

#include <string>

#include "server/session/server-context.h"
#include "server/transport/trimming.h"

namespace h5cap {

// Serves `stream` until the peer goes away, sends what is not Cap'n Proto, or takes nothing for a minute.  `peer` names
// it in the log.  Never fails.
kj::Promise<void> serveConnection(ServerContext& server, Trimming& trimming, kj::Own<kj::AsyncIoStream> stream,
                                  Identity identity, std::string peer);

}  // namespace h5cap
