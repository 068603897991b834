#include "server/transport/sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "core/endpoint.h"
#include "core/private-folder.h"

namespace h5cap {
namespace {

constexpr int backlog = 512;

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

struct HostAndPort {
  std::string host, port;
};

HostAndPort splitAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("'" + address + "' is not ADDR:PORT");
  HostAndPort result{address.substr(0, colon), address.substr(colon + 1)};
  if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']')
    result.host = result.host.substr(1, result.host.size() - 2);
  else if (result.host.find(':') != std::string::npos)
    throw std::runtime_error("'" + address + "': write IPv6 addresses as [ADDR]:PORT");
  if (result.port.empty() || result.port.find_first_not_of("0123456789") != std::string::npos ||
      result.port.size() > 5 || std::stoul(result.port) > 65535)
    throw std::runtime_error("'" + address + "': '" + result.port + "' is not a port");
  return result;
}

std::uint16_t boundPort(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

int tryListen(const addrinfo& info) {
  kj::AutoCloseFd socket(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return -errno;
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(socket, info.ai_addr, info.ai_addrlen) != 0 || ::listen(socket, backlog) != 0) return -errno;
  return socket.release();
}

sockaddr_un unixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error(path + ": a socket's path has at most " + std::to_string(sizeof address.sun_path - 1) +
                             " bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Others must not be able to put a socket of their own in the place of ours.
void checkFolder(const std::string& socketPath) {
  const std::string folder = socketPath.substr(0, socketPath.rfind('/'));
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail(folder, errno);
  if (auto why = whyNotPrivate(folder)) throw std::runtime_error(*why);
}

bool isLiving(const sockaddr_un& address) {
  kj::AutoCloseFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  return errno == EAGAIN;  // it lives, and its backlog is full
}

}  // namespace

TcpSocket listenTcp(const std::string& address) {
  const HostAndPort parts = splitAddress(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int problem = getaddrinfo(parts.host.empty() ? nullptr : parts.host.c_str(), parts.port.c_str(), &hints, &list);
  if (problem != 0) throw std::runtime_error("cannot listen on " + address + ": " + gai_strerror(problem));
  int result = -EADDRNOTAVAIL;
  for (addrinfo* at = list; at != nullptr && result < 0; at = at->ai_next) result = tryListen(*at);
  freeaddrinfo(list);
  if (result < 0) fail("cannot listen on " + address, -result);
  return TcpSocket{kj::AutoCloseFd(result), parts.host.empty() ? "localhost" : parts.host, boundPort(result)};
}

std::optional<UnixSocket> UnixSocket::listen(const std::string& requested, LivingSocket ifLiving) {
  const std::string path = requested.empty() ? defaultSocketPath() : requested;
  if (requested.empty()) checkFolder(path);
  const sockaddr_un address = unixAddress(path);
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) throw std::runtime_error(path + ": exists and is not a socket");
    if (isLiving(address)) {
      if (ifLiving == LivingSocket::skip) return std::nullopt;
      throw std::runtime_error(path + ": another server is listening there (use --socket FILE for a second one)");
    }
    unlink(path.c_str());
  }
  kj::AutoCloseFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) fail(path, errno);
  const mode_t before = umask(0177);
  const int bound = bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(before);
  if (bound != 0) fail("cannot listen on " + path, error);
  if (::listen(socket, backlog) != 0) fail("cannot listen on " + path, errno);
  return UnixSocket(kj::mv(socket), path);
}

UnixSocket::~UnixSocket() {
  if (socket_.get() >= 0) unlink(path_.c_str());
}

}  // namespace h5cap
