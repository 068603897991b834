// Accepting connections, whatever happens to them.
#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/io.h>

#include <cstdint>
#include <string>

#include "server/session/server-context.h"
#include "server/transport/trimming.h"

namespace h5cap {

enum class PeerKind { tcp, unixPeer };

class Listener final : private kj::TaskSet::ErrorHandler {
 public:
  Listener(kj::AsyncIoContext& io, ServerContext& server);

  // Accepts on a listening, non-blocking socket, which stays open until the promise is dropped.  A lack of descriptors
  // or memory makes it pause, not end.
  kj::Promise<void> acceptFrom(int socket, PeerKind kind);

  // Serves a stream that is already connected, until it ends.
  kj::Promise<void> serve(kj::Own<kj::AsyncIoStream> stream, Identity identity, std::string peer);

 private:
  struct Socket {
    Socket(kj::UnixEventPort& port, int fd) : fd(fd), observer(port, fd, kj::UnixEventPort::FdObserver::OBSERVE_READ) {}
    int fd;
    kj::UnixEventPort::FdObserver observer;
  };

  kj::Promise<void> acceptLoop(Socket& socket, PeerKind kind);
  void adopt(int connection, PeerKind kind);
  void shedOne(int socket);
  void taskFailed(kj::Exception&& problem) override;

  kj::AsyncIoContext& io_;
  ServerContext& server_;
  kj::AutoCloseFd reserve_;  // given up to accept, and turn away, one more when there are no descriptors left
  Trimming trimming_;
  kj::TaskSet connections_;
};

}  // namespace h5cap
