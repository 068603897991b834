// What servers, connections and open files tell of themselves.
#pragma once

#include <cstdint>
#include <string>

namespace h5cap {

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

// What the path of an open file leads to by now.
enum class PathNow { unknown, thisFile, anotherFile, nothing };

}  // namespace h5cap
