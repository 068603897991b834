// How a file that was open on a connection is opened again on another one: the promises are in client/src/rpc/retry.h.
#pragma once

#include <memory>
#include <string>

#include <kj/async.h>

#include "client/src/open/remote-file.h"
#include "client/src/threads/guarded.h"
#include "h5cap/node.h"

namespace h5cap::detail {

// What `Service.restore` gives a file back for; empty as long as there is none.  Outlives the channel that it came on,
// and is written on the loop's thread.
using SharedTicket = std::shared_ptr<ForkGuarded<Bytes>>;

// Asks for a ticket once the file has been open for a second, and tells nobody what became of it.  On the loop's
// thread.
void sealLater(const std::shared_ptr<RemoteFile>& opened, const SharedTicket& ticket);

// The file that `before` describes, on another channel: by the ticket where there is one and the server takes it,
// otherwise by its path.  Whoever may open the path needs no ticket, so one that is refused (it is of another run of
// the server, has ended, or is another user's) is forgotten, and only what opening by the path says counts.
//
// One round trip, two when the ticket is refused.  FileError (changed) when it is another file or version by now;
// otherwise as openFile: Denied, NotFound, FileError, Busy.  On the loop's thread.
kj::Promise<rpc::File::Client> openAgain(const std::shared_ptr<Channel>& channel, const SharedTicket& ticket,
                                         const std::string& path, const FileInfo& before);

}  // namespace h5cap::detail
