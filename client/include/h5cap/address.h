// Addresses and slices as people type them, for programs that take them as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "h5cap/selection.h"

namespace h5cap {

// The parts of an address: `h5cap+unix://%2Frun%2Fh5cap.sock/raw/scan.nxs?path=/entry/data&slice=0` is a server
// (`h5cap+unix://%2Frun%2Fh5cap.sock`), a path (`raw/scan.nxs`), an object and a selection.
struct Location {
  std::string server;  // an address without a path, as `connect` takes it
  std::string path;    // decoded; of a file or a directory, relative to the server's root (ssh: absolute)
  std::optional<std::string> object;
  std::optional<Selection> selection;
};

// Throws std::invalid_argument naming what is wrong with an address, BadSelection for its slice.  Sends nothing.
Location parseLocation(std::string_view url);

// NumPy's basic notation without the outer brackets: "0,10:20", "...,::2", "[1,5,7],:".  Throws BadSelection naming the
// part that it cannot read.
Selection parseSlice(std::string_view text);
std::string formatSlice(const Selection& selection);

}  // namespace h5cap
