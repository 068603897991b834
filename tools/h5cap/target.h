// From what the user typed to a file, a directory or a dataset.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "h5cap/client.h"

namespace h5cap::cli {

struct Target {
  Session session;
  std::string path;                   // below the server's root: a file or a directory
  std::optional<std::string> object;  // in the file; set only when the user named one
  Selection selection;
  bool endsInSlash = false;
};

// Connects.  Throws UsageError for an address or a slice that cannot be read, and as `connect` does.
Target connectTarget(const Arguments& arguments);

// The file, open.  Throws as `File::wait`.
File openFile(const Target& target, std::uint32_t snapshotBytes = 0);

struct FileOrDirectory {
  std::optional<File> file;
  std::vector<DirectoryEntry> entries;  // when there is no file
};

// Whichever the address names.  A name with an extension is tried as a file first, any other as a directory; when
// neither works, the failure of the first attempt is thrown.
FileOrDirectory openEither(const Target& target, std::uint32_t snapshotBytes = 0);

// "/" or the object that the user named.
std::string objectPath(const Target& target);

}  // namespace h5cap::cli
