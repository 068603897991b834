// Tickets for objects, and the objects that tickets name.
#pragma once

#include <h5cap/objects.capnp.h>
#include <h5cap/service.capnp.h>

#include "server/files/link-follower.h"
#include "server/session/handed-out.h"
#include "server/session/ticket.h"

namespace h5cap {

using SealContext = capnp::CallContext<rpc::Node::SealParams, rpc::Node::SealResults>;
using RestoreContext = capnp::CallContext<rpc::Service::RestoreParams, rpc::Service::RestoreResults>;

// Answers Node.seal for the object at a place, of which the caller has `rights`: the ticket gives these at most.
kj::Promise<void> sealNode(NodePlace place, Ticket::Kind kind, rpc::Access rights, SealContext context);

// Answers Service.restore.  The file is opened and authorised anew, for the caller; it has to be the version that was
// sealed, or, while a SWMR writer appends to it, the same file; and the object at the sealed path has to be the same.
// `caller` outlives the promise.
kj::Promise<void> restoreNode(Caller& caller, RestoreContext context);

}  // namespace h5cap
