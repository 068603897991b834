// Connections: from an address to files.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "h5cap/file.h"
#include "h5cap/node.h"
#include "h5cap/options.h"
#include "h5cap/report.h"

namespace h5cap {

namespace detail {
class Call;
class Connection;
}  // namespace detail

// A directory's entries, asked for.
class Listing {
 public:
  // In name order.  Waits: at most one round trip for the first thousand, one for each thousand after.  Once.
  // NotFound, Denied.
  std::vector<DirectoryEntry> wait();

 private:
  friend class Session;
  struct Pages;
  Listing(std::shared_ptr<detail::Connection> connection, std::string path);
  void ask();

  std::shared_ptr<detail::Connection> connection_;
  std::string path_;
  std::shared_ptr<Pages> pages_;
  std::shared_ptr<detail::Call> call_;
};

// A logged-in connection.
class Session {
 public:
  // A file below this address.  Sends, does not wait.
  File open(const std::string& path, const OpenOptions& options = {}) const;

  // Entries of a directory, in name order.  One round trip a thousand entries.  NotFound, Denied.
  std::vector<DirectoryEntry> list(const std::string& path = "") const { return startList(path).wait(); }

  // The same, sent and not waited for: several directories can be asked for in one flight.
  Listing startList(const std::string& path = "") const;

  // One round trip.
  ServerInfo serverInfo() const;
  std::chrono::nanoseconds ping() const;

  Traffic traffic() const;

  // The address that this session was made from; relative paths start at its path.
  const std::string& url() const;

  // Ends the connection; whatever is waiting, and every later call, throws Disconnected.
  void close();

  explicit Session(std::shared_ptr<detail::Connection> connection, std::string url, std::string base);

 private:
  std::shared_ptr<detail::Connection> connection_;
  std::string url_;
  std::string base_;
};

// Connects to an address (`h5cap+unix://`, `h5cap+tcp://`, `h5cap+ssh://`; `h5cap://` needs TLS, which throws
// Unimplemented so far).  A path in the address becomes the folder that relative paths start at.  Waits for the
// transport, not for the server.  Throws Disconnected naming the address, std::invalid_argument for a malformed one.
Session connect(const std::string& url, const ConnectOptions& options = {});

// A session to the same server and as the same user as an earlier one that is still alive is that one's connection: one
// connection a process and address.  Otherwise connects.
Session sharedSession(const std::string& url, const ConnectOptions& options = {});

// Opens the file that an address names, over `sharedSession`.
File openUrl(const std::string& url, const OpenOptions& options = {}, const ConnectOptions& connectOptions = {});

}  // namespace h5cap
