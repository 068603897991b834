#include "client/src/rpc/transport.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/private-folder.h"
#include "h5cap/error.h"

extern char** environ;

namespace h5cap::detail {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds INTERRUPT_INTERVAL{50};
constexpr int KEEPALIVE_SECONDS = 10;
constexpr int KEEPALIVE_PROBES = 2;

[[noreturn]] void fail(const Endpoint& endpoint, const std::string& why) {
  throw Disconnected(format(endpoint) + ": " + why);
}

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Zero, or the errno of a connect() under way.
int awaitConnected(int fd, Clock::time_point deadline, const ConnectOptions& options) {
  for (;;) {
    pollfd entry{fd, POLLOUT, 0};
    int ready = poll(&entry, 1, static_cast<int>(INTERRUPT_INTERVAL.count()));
    if (ready > 0) {
      int problem = 0;
      socklen_t size = sizeof(problem);
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
      return problem;
    }
    if (ready < 0 && errno != EINTR) return errno;
    if (options.interrupted) options.interrupted();
    if (Clock::now() >= deadline) return ETIMEDOUT;
  }
}

int tryConnect(int fd, const sockaddr* address, socklen_t size, Clock::time_point deadline,
               const ConnectOptions& options) {
  // A Unix socket whose backlog is full says EAGAIN instead of waiting.
  while (connect(fd, address, size) != 0) {
    if (errno == EINPROGRESS || errno == EINTR) return awaitConnected(fd, deadline, options);
    if (errno != EAGAIN || Clock::now() >= deadline) return errno;
    poll(nullptr, 0, 10);
    if (options.interrupted) options.interrupted();
  }
  return 0;
}

// The default socket is taken from a folder that is the user's alone, and from a server of the user's: it was asked for
// by no name, and whoever makes it first would be believed.  A server of anybody else's has to be named.
void requirePrivate(const Endpoint& endpoint, const std::string& folder) {
  if (auto why = whyNotPrivate(folder)) {
    throw Denied(format(endpoint) + ": no server is looked for at the default place: " + *why +
                 "; name the socket that is meant (h5cap+unix://)");
  }
}

void requireOwnPeer(const Endpoint& endpoint, const std::string& path, int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool isKnown = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (isKnown && peer.uid == geteuid()) return;
  throw Denied(format(endpoint) + ": the server at " + path + " is another user's; name the socket if it is meant " +
               "(h5cap+unix://)");
}

Socket connectUnix(const Endpoint& endpoint, const ConnectOptions& options) {
  std::string path = endpoint.socket.empty() ? defaultSocketPath() : endpoint.socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) fail(endpoint, "the socket's path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) fail(endpoint, std::strerror(errno));
  const bool isDefault = endpoint.socket.empty();
  if (isDefault) requirePrivate(endpoint, path.substr(0, path.rfind('/')));
  int problem = tryConnect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address),
                           Clock::now() + options.timeout, options);
  if (problem != 0) fail(endpoint, "no server at " + path + ": " + std::strerror(problem));
  if (isDefault) requireOwnPeer(endpoint, path, fd.get());
  return {fd.release()};
}

Socket connectTcp(const Endpoint& endpoint, const ConnectOptions& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int problem = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (problem != 0) fail(endpoint, gai_strerror(problem));
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  auto deadline = Clock::now() + options.timeout;
  std::string why = "no address";
  for (addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    OwnedFd fd(socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) {
      why = std::strerror(errno);
      continue;
    }
    int error = tryConnect(fd.get(), entry->ai_addr, entry->ai_addrlen, deadline, options);
    if (error == 0) {
      int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
      // A host that is gone is noticed within half a minute, also while nothing is asked.
      setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, &KEEPALIVE_SECONDS, sizeof(KEEPALIVE_SECONDS));
      setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, &KEEPALIVE_SECONDS, sizeof(KEEPALIVE_SECONDS));
      setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, &KEEPALIVE_PROBES, sizeof(KEEPALIVE_PROBES));
      return {fd.release()};
    }
    why = std::strerror(error);
  }
  fail(endpoint, why);
}

// Whether ssh may ask a person: for a password, say, or a second factor.
enum class Asking { allowed, forbidden };

std::vector<std::string> sshCommand(const Endpoint& endpoint, Asking asking) {
  // H5CAP_SSH: another ssh program, with arguments; H5CAP_SSH_SERVER: what to run at the other end.
  const char* program = std::getenv("H5CAP_SSH");
  const char* server = std::getenv("H5CAP_SSH_SERVER");
  std::vector<std::string> arguments;
  std::istringstream words(program && *program ? program : "ssh");
  for (std::string word; words >> word;) arguments.push_back(word);
  arguments.insert(arguments.end(), {"-T", "-o", asking == Asking::allowed ? "BatchMode=no" : "BatchMode=yes"});
  if (endpoint.port != 0) arguments.insert(arguments.end(), {"-p", std::to_string(endpoint.port)});
  arguments.push_back("--");  // a host is never an option
  arguments.push_back(endpoint.user.empty() ? endpoint.host : endpoint.user + "@" + endpoint.host);
  arguments.push_back(server && *server ? server : "h5capd --stdio");
  return arguments;
}

Socket connectSsh(const Endpoint& endpoint) {
  if (endpoint.host.empty() || endpoint.host[0] == '-' || (!endpoint.user.empty() && endpoint.user[0] == '-')) {
    throw std::invalid_argument(format(endpoint) + ": not a host that ssh could reach");
  }
  int sockets[2], errors[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) fail(endpoint, std::strerror(errno));
  OwnedFd ours(sockets[0]), theirs(sockets[1]);
  if (pipe2(errors, O_CLOEXEC) != 0) fail(endpoint, std::strerror(errno));
  OwnedFd errorsRead(errors[0]), errorsWrite(errors[1]);

  // With a terminal ssh may ask for a password or a second factor there; it has to stay in the foreground for that.
  // Without one it leaves our process group, so that Ctrl-C does not end the connection.
  bool isInteractive = isatty(STDIN_FILENO) == 1;
  auto words = sshCommand(endpoint, isInteractive ? Asking::allowed : Asking::forbidden);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errorsWrite.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  if (!isInteractive) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = -1;
  int problem = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0) fail(endpoint, "cannot run " + words[0] + ": " + std::strerror(problem));

  fcntl(ours.get(), F_SETFL, fcntl(ours.get(), F_GETFL) | O_NONBLOCK);
  fcntl(errorsRead.get(), F_SETFL, fcntl(errorsRead.get(), F_GETFL) | O_NONBLOCK);
  return {ours.release(), errorsRead.release(), child};
}

}  // namespace

Socket connectTo(const Endpoint& endpoint, const ConnectOptions& options) {
  switch (endpoint.transport) {
    case Transport::tls: throw Unimplemented(format(endpoint) + ": TLS is not there yet; use h5cap+ssh://");
    case Transport::tcp: return connectTcp(endpoint, options);
    case Transport::unixSocket: return connectUnix(endpoint, options);
    case Transport::ssh: return connectSsh(endpoint);
  }
  throw Unimplemented(format(endpoint) + ": unknown transport");
}

}  // namespace h5cap::detail
