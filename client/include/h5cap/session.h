// Connections: from an address to files.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "h5cap/file.h"
#include "h5cap/node.h"

namespace h5cap {

struct ConnectOptions {
  // Behaviour.
  std::chrono::milliseconds timeout{60'000};  // of any wait for the server; then Busy (deadline)
  // How long a connection that is lost (a restarted server, a broken link, a laptop that slept) is tried to be
  // replaced, within `timeout`; then Disconnected.  Whatever was asked is asked again, and handles stay valid;
  // FileError (changed) when a file is not the same any more.  Zero: never.
  std::chrono::milliseconds reconnectTime{10'000};
  std::string token;                          // reserved: throws Unimplemented unless empty
  std::function<void()> interrupted;          // called every 50 ms by the waiting thread; may throw to give up waiting

  // Performance.
  // A folder for tiles and snapshots of files, "DIR" or "DIR:SIZE" (K, M, G, T; 10G by default), shared by processes;
  // empty: $H5CAP_CACHE as it is when the session is made, or none.  What is kept is used when the server says that the
  // file still is that version.
  std::string cache;
  std::uint64_t tileBytes = 1 << 20;    // one reply of a bulk read
  std::uint64_t windowBytes = 32 << 20; // replies under way at once
};

struct OpenOptions {
  std::uint32_t snapshotBytes = 0;  // how much of the file's tree comes with the reply; zero: none
};

struct ServerInfo {
  std::string software;
  std::uint32_t protocol = 0;
  std::string libraryVersion;
};

// What crossed the socket so far, in both directions, and how often an answer had to be there before the next call
// could be sent.  The login belongs to the first flight.  A bulk read is one flight, and two when it learns from its
// first reply that there is more.
struct Traffic {
  std::uint64_t bytesReceived = 0;
  std::uint64_t bytesSent = 0;
  std::uint64_t messagesReceived = 0;
  std::uint64_t messagesSent = 0;
  std::uint64_t roundTrips = 0;  // flights: calls that were sent before any of them was waited for count as one
};

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
