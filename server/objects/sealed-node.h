// Tickets for objects, and the objects that tickets name.
#pragma once

#include <h5cap/objects.capnp.h>
#include <h5cap/service.capnp.h>

#include "server/session/ticket.h"
#include "server/files/link-follower.h"

namespace h5cap {

using SealContext = capnp::CallContext<rpc::Node::SealParams, rpc::Node::SealResults>;
using RestoreContext = capnp::CallContext<rpc::Service::RestoreParams, rpc::Service::RestoreResults>;

// Answers Node.seal for the object at a place.
kj::Promise<void> sealNode(NodePlace place, Ticket::Kind kind, SealContext context);

// Answers Service.restore for whoever the transport has shown to be `principal`.  The file is opened and authorised anew; it
// has to be the version that was sealed, or, while a SWMR writer appends to it, the same file; and the object at the sealed
// path has to be the same.
kj::Promise<void> restoreNode(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal, RestoreContext context);

}  // namespace h5cap
