// What elements of reference types name.
#pragma once

#include <h5cap/objects.capnp.h>

#include "server/files/open-file.h"
#include "server/session/handed-out.h"

namespace h5cap {

using DereferenceContext = capnp::CallContext<rpc::File::DereferenceParams, rpc::File::DereferenceResults>;

// Answers File.dereference: the object in the file of `place`, and what a region reference selects of it.  `asking`
// outlives the promise.
kj::Promise<void> dereferenceToken(const Asking& asking, NodePlace place, DereferenceContext context);

}  // namespace h5cap
