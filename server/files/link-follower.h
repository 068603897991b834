// From a path to an object, over links from file to file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/files/open-file.h"

namespace h5cap {

// An object, in the file where it was found.
struct FoundNode {
  NodePlace place;
  NodePointer info;
  kj::Own<FileVersion> version;
};

// `path` seen from the group at `base`: absolute in the file.
std::string joinPath(const std::string& base, const std::string& path);

// The object at an absolute path, through soft, hard and external links.  Files behind external links are opened and
// authorised for the session of `file`.  NotFound, Denied, FileError.
kj::Promise<FoundNode> findNode(NodePlace place);

// The link at an absolute path; the last component is not followed.  NotFound.
kj::Promise<Link> findLink(NodePlace place);

// Opens the file that `name` means, seen from `from`, for a session that is allowed `access` at least; nothing when it
// is absent wherever HDF5 would look.  Denied, also for one that may be outside of what is served, where nobody looks;
// FileError.
kj::Promise<kj::Maybe<kj::Own<OpenFile>>> openTarget(OpenFile& from, std::string name, rpc::Access access);

}  // namespace h5cap
