// Listening sockets, on TCP and in the file system.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <optional>
#include <string>

namespace h5cap {

struct TcpSocket {
  kj::AutoCloseFd socket;
  std::string host;  // as it was asked for, without brackets
  std::uint16_t port = 0;
};

// Listens on "ADDR:PORT", "[ADDR]:PORT" or "HOST:PORT"; port 0 picks one.  Throws std::runtime_error naming the
// address.
TcpSocket listenTcp(const std::string& address);

enum class LivingSocket { raise, skip };

// A listening Unix socket of mode 0600, whose file is removed with it.
class UnixSocket {
 public:
  // `path` empty: the user's default one, in a folder that is checked, and made when it is below /tmp.  A file that a
  // dead server left is replaced.  Where another server lives: raises, or returns nothing.  Throws std::runtime_error.
  static std::optional<UnixSocket> listen(const std::string& path, LivingSocket ifLiving);

  UnixSocket(UnixSocket&&) = default;
  UnixSocket& operator=(UnixSocket&&) = default;
  ~UnixSocket();

  int get() const { return socket_.get(); }
  const std::string& path() const { return path_; }

 private:
  UnixSocket(kj::AutoCloseFd socket, std::string path) : socket_(kj::mv(socket)), path_(std::move(path)) {}

  kj::AutoCloseFd socket_;
  std::string path_;
};

}  // namespace h5cap
