#include "server/transport/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/transport/connection.h"
#include "server/base/descriptor-plan.h"
#include "server/base/log.h"

namespace h5cap {
namespace {

constexpr auto pause = 100 * kj::MILLISECONDS;

int openReserve() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

std::string lookUpName(uid_t uid) {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) return entry.pw_name;
  return "uid " + std::to_string(uid);
}

// Looking a name up may ask the network: done once, for the server's own user.  Others are turned away whatever their
// names.
std::string userName(uid_t uid) {
  static const uid_t self = geteuid();
  static const std::string own = lookUpName(self);
  return uid == self ? own : "uid " + std::to_string(uid);
}

// " from 10.0.0.7"
std::string from(int connection) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char host[NI_MAXHOST];
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  return std::string(" from ") + host;
}

Identity identityOf(int connection, PeerKind kind) {
  if (kind == PeerKind::tcp) return Identity{Authentication::none, "anyone"};
  ucred peer{};
  socklen_t length = sizeof peer;
  // A peer that cannot be told is nobody's: its uid stays invalid, and its login is denied.
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return Identity{Authentication::unixPeer, "unknown"};
  return Identity{Authentication::unixPeer, userName(peer.uid), peer.uid};
}

}  // namespace

Listener::Listener(kj::AsyncIoContext& io, ServerContext& server)
    : io_(io), server_(server), reserve_(openReserve()), trimming_(io.provider->getTimer()), connections_(*this) {
  userName(geteuid());
}

kj::Promise<void> Listener::acceptFrom(int socket, PeerKind kind) {
  auto watched = kj::heap<Socket>(io_.unixEventPort, socket);
  auto loop = acceptLoop(*watched, kind);
  return loop.attach(kj::mv(watched));
}

kj::Promise<void> Listener::acceptLoop(Socket& socket, PeerKind kind) {
  for (;;) {
    const int connection = accept4(socket.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
      if (static_cast<std::uint64_t>(connection) < descriptorPlan().connections)
        adopt(connection, kind);
      else
        close(connection);
      // However many connect, who is connected has its turn.
      return server_.loop.take(WorkOwner{}, LoopTurns::costOfCall).then([this, &socket, kind] {
        return acceptLoop(socket, kind);
      });
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return socket.observer.whenBecomesReadable().then([this, &socket, kind] { return acceptLoop(socket, kind); });
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    const int error = errno;
    logLine(std::string("accepting a connection: ") + std::strerror(error));
    if (error == EMFILE || error == ENFILE) shedOne(socket.fd);
    return io_.provider->getTimer().afterDelay(pause).then([this, &socket, kind] { return acceptLoop(socket, kind); });
  }
}

// Whoever waits learns now that there is no room, and not when somebody else goes.
void Listener::shedOne(int socket) {
  reserve_ = nullptr;
  kj::AutoCloseFd turnedAway(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC));
  turnedAway = nullptr;
  reserve_ = kj::AutoCloseFd(openReserve());
}

void Listener::adopt(int connection, PeerKind kind) {
  kj::AutoCloseFd owned(connection);
  try {
    if (kind == PeerKind::tcp) {
      const int yes = 1;
      setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    }
    Identity identity = identityOf(connection, kind);
    std::string peer = kind == PeerKind::tcp ? "a TCP connection" + from(connection)
                                             : "a connection of " + identity.user;
    auto stream = io_.lowLevelProvider->wrapSocketFd(
        kj::mv(owned), kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC | kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK);
    connections_.add(serve(kj::mv(stream), kj::mv(identity), kj::mv(peer)));
  } catch (const kj::Exception& problem) {
    logLine(std::string("a new connection: ") + problem.getDescription().cStr());
  } catch (const std::exception& problem) {
    logLine(std::string("a new connection: ") + problem.what());
  }
}

kj::Promise<void> Listener::serve(kj::Own<kj::AsyncIoStream> stream, Identity identity, std::string peer) {
  return serveConnection(server_, trimming_, kj::mv(stream), kj::mv(identity), kj::mv(peer));
}

void Listener::taskFailed(kj::Exception&& problem) {
  logLine(std::string("a connection ended: ") + problem.getDescription().cStr());
}

}  // namespace h5cap
