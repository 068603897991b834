// The command line and the configuration file of h5capd.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/base/lane.h"

namespace h5cap {

struct ServerOptions {
  // Behaviour.
  std::vector<std::string> serve;    // DIR or NAME=DIR
  std::vector<std::string> listen;   // ADDR:PORT
  bool insecure = false;             // serve plain TCP
  std::string socket;                // empty: the user's default one
  bool stdio = false;
  std::vector<std::string> settle;   // SECONDS, or NAME=SECONDS for one export
  LaneRule laneRule = LaneRule::byType;
  std::vector<std::string> plugins;  // folders of filter plugins; empty: HDF5_PLUGIN_PATH, or the usual ones

  // Performance.
  unsigned threads = 0;              // of each file system, at most; zero: one a processor
  unsigned cacheMegabytes = 256;     // of decoded chunks
  unsigned replyBytes = 0;           // most bytes of elements in one reply; zero: the protocol's limit
  unsigned idleSeconds = 30;         // until a file that nobody uses gives up its descriptor
};

// Wrong usage: the program ends with status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What `--help` and `--version` ask for is printed, and nothing is returned.  What the command line names wins over the
// configuration file.  Throws UsageError.
std::optional<ServerOptions> parseOptions(int argc, const char* const* argv);

}  // namespace h5cap
