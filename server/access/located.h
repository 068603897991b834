// From a path in the exports to what is there: symbolic links are followed as far as the exports reach.  Blocking.
//
// An export is a path, and not the folder that was there when the server began: each request opens it anew, so that a
// file system which is mounted there later, or again, or on demand, is seen, and so is a folder that was made anew.
// That path has no symbolic links: those of the path that was given are followed once, when the server begins, and who
// puts another one there later leads nobody anywhere.
#pragma once

#include <kj/io.h>

#include <string>

#include "server/access/export-paths.h"

namespace h5cap {

struct Located {
  const Export* exported = nullptr;  // where it was found: a link may lead from one export into another
  kj::AutoCloseFd folder;            // of that export
  kj::AutoCloseFd target;            // O_PATH: nothing is open for reading yet
};

// NotFound; Denied for a symbolic link that leads out of all exports, whether or not there is anything, and for one in
// the place of the export's folder; FileError.
// `shown` is the path that errors name.
Located locate(const ExportTable& table, const ExportPath& place, const std::string& shown);

}  // namespace h5cap
