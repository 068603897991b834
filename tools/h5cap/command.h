// The verbs of the command line, one `cmd-<verb>.cc` each.
#pragma once

#include <stdexcept>
#include <string>

namespace h5cap::cli {

// What the user typed is wrong, rather than what came of it: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Arguments {
  std::string url;    // an address, or a path below the default address
  std::string path;   // of an object in a file; empty: as the address says, or the root
  std::string slice;  // empty: as the address says, or everything
  std::string output;
  unsigned count = 4;  // of pings
  bool isLong = false;
  bool showAttributes = false;
};

// Each writes to standard output and throws on failure.
void runLs(const Arguments& arguments);
void runTree(const Arguments& arguments);
void runInfo(const Arguments& arguments);
void runCat(const Arguments& arguments);
void runGet(const Arguments& arguments);
void runPing(const Arguments& arguments);

}  // namespace h5cap::cli
