// What happens to a call whose connection is lost: it is made again, over a new one, while there is patience for it.
//
// Everything that the client asks changes nothing at the server, so everything may be asked twice.  A call is tried
// again when its connection ended after it had once worked (a server that was never there is told at once), until it
// has taken `ConnectOptions::timeout` without progress, or `reconnectTime` has passed since the loss, or a link keeps
// failing.  Then the caller gets Disconnected, as it was.
//
// How handles survive.  A file whose connection ended is opened again over the new one: by the ticket that was sealed
// for it, where there is one and the server takes it, otherwise by its path.  It has to be the same version (or, with a
// SWMR writer, the same file), and a node has to have the same id, else the call throws FileError (changed), however
// often it is made.  An attempt that fails is not the last word: the next call makes another.
//
// Tickets cost no round trip that anybody waits for, and nothing for files that are soon closed: a file that has been
// open for a second is sealed in the background.  A ticket is what a handle with fewer rights than its path needs (a
// share of one object has no path that its holder could open); for all others path, version and id say the same.  So no
// refusal of a ticket is believed, neither `unknownTicket`, from a server that was restarted and knows no ticket of its
// predecessor, nor `denied`, which older servers say then: the path is tried, and Denied is what the path says.
#pragma once

#include <exception>

#include "client/src/rpc/connection.h"
#include "client/src/rpc/patience.h"

namespace h5cap::detail {

// Calls `attempt` until it ends otherwise than by Disconnected.  Within another `retried` on the same thread: once.
template <class Attempt>
auto retried(const Connection& connection, Attempt&& attempt) -> decltype(attempt()) {
  if (Patience::current() != nullptr) return attempt();
  Patience patience(connection.options);
  for (;;) {
    std::exception_ptr problem;
    try {
      return attempt();
    } catch (const Disconnected&) {
      problem = std::current_exception();
    }
    if (!connection.mayReconnect()) std::rethrow_exception(problem);
    patience.lost(problem);
  }
}

}  // namespace h5cap::detail
