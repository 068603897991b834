// Bytes of a file as they are stored.
//
// Whoever may open a whole file may read them: they hold everything in it.  A capability for less than that never gets
// here.
#pragma once

#include <h5cap/objects.capnp.h>

#include "server/files/open-file.h"
#include "server/session/server-context.h"

namespace h5cap {

using ReadBytesContext = capnp::CallContext<rpc::File::ReadBytesParams, rpc::File::ReadBytesResults>;

// Answers File.readBytes: up to `maxReplyBytes` from `offset` on, fewer at the end of the file, none beyond it.  All of
// them are of one version, as with elements: the stamp is compared after the last byte, and the read begins again while
// the file changes, for as long as ObjectLimits says; then `changed`.  Files with a live SWMR writer are exempt.  The
// bytes take room of the budgets of `caller`.
kj::Promise<void> readRawBytes(OpenFile& file, Caller& caller, ReadBytesContext context);

}  // namespace h5cap
