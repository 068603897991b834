// Opening beneath the exports, off the event loop.
//
// Paths are paths in the exports: the first component names the export, "raw/run42/scan.nxs".  The Authoriser is asked
// for a path before the file system is, then it is resolved with openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS), and
// the Authoriser is asked again for where it has led.  A symbolic link that leaves the export's folder is followed when
// it leads into an export, as absolute links within one do.  All of that happens in lanes (opening-lanes.h), so that a
// mount that hangs stalls its own files only.
#pragma once

#include <kj/async.h>
#include <kj/io.h>
#include <kj/refcount.h>

#include <string>
#include <vector>

#include "h5cap/node.h"
#include "server/access/authoriser.h"
#include "server/access/exports.h"
#include "server/base/shared-file.h"

namespace h5cap {

struct Opened {
  kj::Own<SharedFile> file;
  Stamp stamp;  // as it was opened
  std::string requestedPath;
  std::string finalPath;  // after symbolic links, in the exports
  Grant grant;
};

// A page of a folder's listing.
struct FolderPage {
  std::vector<DirectoryEntry> entries;
  std::string next;  // the cursor of the page that follows; empty: there is none
};

// Which page: the first one, or that of a cursor.
struct WantedPage {
  std::string cursor;
  std::uint32_t limit = 1000;
};

class Opener {
 public:
  virtual ~Opener() noexcept(false) = default;

  // Opens a regular file for reading, for somebody who may do with it what `access` says.  NotFound, Denied, FileError
  // (a directory, a device, an I/O error).  Busy, here and below: too many wait for what does not answer.
  virtual kj::Promise<kj::Own<Opened>> open(kj::Own<const Principal> principal, std::string path,
                                            rpc::Access access) = 0;

  // Entries of a directory in name order; of the exports themselves for the empty path.  A page has `limit` entries, or
  // fewer where many names are of nothing that could be opened, but one unless it is the last.  Costs a look at each
  // entry of the page; a first page reads and sorts all names, which are kept for those that follow (folder-names.h).
  virtual kj::Promise<FolderPage> list(kj::Own<const Principal> principal, std::string path, WantedPage wanted) = 0;

  // What may be done with the directory at `path`, without listing it.  NotFound, Denied, FileError.
  virtual kj::Promise<Grant> openDirectory(kj::Own<const Principal> principal, std::string path) = 0;

  // Where the file that `name` means may be, in HDF5's search order, seen from a link or a virtual dataset in the file
  // at `from`.  An absolute name is mapped back into the export whose folder holds it; then its last component is tried
  // beside `from`.  A relative one is tried beside `from`.  A name that is empty or holds a NUL leads nowhere, not even
  // outside.
  virtual Places candidates(const std::string& from, const std::string& name) const = 0;

  // The same for an external raw file, which HDF5 does not search for: a relative name starts at the folder of `from`,
  // an absolute one leads where it says.
  virtual Places rawCandidates(const std::string& from, const std::string& name) const = 0;
};

// `lanes` outlives it.
kj::Own<Opener> makeOpener(std::vector<Export> exports, std::shared_ptr<const Authoriser> authoriser,
                           const Lanes& lanes);

}  // namespace h5cap
