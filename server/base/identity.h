// Who a session belongs to, and the one question that is asked before anything is opened.
#pragma once

#include <cstdint>
#include <string>

namespace h5cap {

enum class Authentication { none, unixPeer, standardStreams };

struct Identity {
  Authentication method = Authentication::none;
  std::string user;         // an account's name, or "anyone"
  std::uint32_t uid = ~0u;  // of a Unix peer
};

enum class Operation { list, read };

// Whether `session` may carry `operation` out on the file or directory at `finalPath` (after symbolic links), asked for
// as `requestedPath`; both are paths in the exports ("raw/run42/scan.nxs").  Called on every open and listing, once the
// final path is known and before a byte is read.  Throws Denied, with the same text whether or not the thing exists.
//
// Rules so far: the server's own user on the Unix socket and on standard streams; anyone on insecure TCP.
void authorise(const Identity& session, const std::string& requestedPath, const std::string& finalPath,
               Operation operation);

}  // namespace h5cap
