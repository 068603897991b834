// What is served, and where in it something may be: values that nobody has opened yet.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace h5cap {

struct Export {
  std::string name;
  std::string folder;       // without symbolic links
  std::string asGiven = {};  // as whoever writes files knows it, with them; absolute; empty: the same
  std::chrono::nanoseconds settle = std::chrono::seconds(2);  // see judge()
};

// "SECONDS" sets the time in which files settle for all exports, "NAME=SECONDS" for one.  Throws std::invalid_argument:
// not a number of seconds from 0 to 86400, no export of that name.
void setSettleTime(std::vector<Export>& exports, const std::string& text);

// "DIR" or "NAME=DIR".  The name is the folder's base name by default.  Throws std::invalid_argument: not a directory,
// a name with a slash.
Export parseExport(const std::string& text);

// The whole filesystem as the one export: paths are absolute paths of the host.
Export wholeHost();

// Whether a place where HDF5 would look, too, lies outside of what is served.  Nobody may look there: what is nowhere
// inside is denied then, not absent.
enum class Outside { none, some };

// Where the file that a name in another file means is looked for.
struct Places {
  std::vector<std::string> inside;  // paths in the exports, in order of preference
  Outside outside;

  // One more behind these, unless it is among them; those of another search.
  void add(const std::string& path);
  void add(const Places& more);

  friend bool operator==(const Places&, const Places&) = default;
};

}  // namespace h5cap
