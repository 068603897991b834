#include <unistd.h>

#include "h5cap/error.h"
#include "server/base/identity.h"

namespace h5cap {

namespace {

bool isAllowed(const Identity& session) {
  switch (session.method) {
    case Authentication::unixPeer:
      return session.uid == geteuid();
    case Authentication::standardStreams:
      return true;
    case Authentication::none:
      return session.user == "anyone";
  }
  return false;
}

}  // namespace

void authorise(const Identity& session, const std::string& requestedPath, const std::string&, Operation) {
  if (isAllowed(session)) return;
  throw Denied(requestedPath + ": not allowed for " + (session.user.empty() ? "an unnamed user" : session.user));
}

}  // namespace h5cap
