// What elements were read of: told by a read, and asked for by the next one that has to go with it.
#pragma once

#include "h5cap/node.h"

namespace h5cap {

// Reads of one version fit together.  Empty: of any, or not known.
struct ReadVersion {
  Version file;   // of the file that was read
  Bytes sources;  // what else the elements came from, where that is other files; only the server knows what it says

  friend bool operator==(const ReadVersion& a, const ReadVersion& b) {
    return a.file == b.file && a.sources == b.sources;
  }
  friend bool operator!=(const ReadVersion& a, const ReadVersion& b) { return !(a == b); }
};

}  // namespace h5cap
