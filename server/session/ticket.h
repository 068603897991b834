// Tickets: what `Node.seal` gives out and `Service.restore` takes back.
//
// A ticket is a statement of this server's about one object, for one user, authenticated by HMAC-SHA256 with a key that
// is drawn when the server starts and never leaves it: whoever holds a ticket can read it, nobody can make or change
// one, and none outlives the process.  Holding one is not enough either: the user has to be the same, and whether they
// may open the file is asked again.
//
// Layout: a random id of the server's run, 16 bytes, in clear, so that a server that was started again can tell its
// predecessor's tickets from forgeries; the code, 32 bytes; the statement.
#pragma once

#include <h5cap/types.capnp.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "h5cap/node.h"
#include "server/base/principal.h"

namespace h5cap {

struct Ticket {
  enum class Kind : std::uint8_t { node, file };

  Identity holder;
  std::chrono::steady_clock::time_point ends;
  rpc::Access access = rpc::Access::NONE;
  Kind kind = Kind::node;
  std::string file;    // path in the exports, as it was asked for
  std::string below;   // the directory that it was asked of
  std::string path;    // of the object
  Bytes token;         // the reference that `path` starts at, when no path from the root leads to the object
  ObjectId object = 0;
  Version version;     // of the file
};

class TicketOffice {
 public:
  TicketOffice();  // draws the key and the run's id

  Bytes seal(const Ticket& ticket) const;

  // Whether these bytes, genuine or not, say that another run of a server made them.
  bool areOfAnotherRun(std::span<const std::byte> sealed) const;

  // What `seal` was given; nothing when the bytes are not a ticket of this office's, as they are.  Looks at neither end
  // nor holder.
  std::optional<Ticket> open(std::span<const std::byte> sealed) const;

 private:
  static constexpr std::size_t runBytes = 16, macBytes = 32;
  using Mac = std::array<unsigned char, macBytes>;

  Mac macOf(std::span<const std::byte> statement) const;

  std::array<std::byte, runBytes> run_;
  Mac key_;
};

}  // namespace h5cap
