// From a path to an object, component by component.
//
// libhdf5 is never asked to walk a path: it would follow external links, and a soft link through one makes it fail.
#pragma once

#include <string>
#include <variant>

#include "h5cap/node.h"
#include "server/planner/open-file.h"

namespace h5cap::hdf5 {

enum class Follow { no, yes };

struct ResolvedNode {
  ObjectId id = 0;
};
struct ResolvedExternal {
  ExternalLink link;
  std::string rest;  // of the path, to be walked in that file
  unsigned linksLeft = 0;
};
struct ResolvedMissing {
  std::string component;
};

using Resolved = std::variant<ResolvedNode, Link, ResolvedExternal, ResolvedMissing>;

// "." and empty components mean nothing, ".." is a name like any other (as for libhdf5).  With Follow::no the last
// component's link itself is the answer.  Failed when it takes more than `maxLinks` soft and external links,
// Unimplemented for user-defined ones, FileError.
Resolved resolvePath(const OpenFile& file, ObjectId base, const std::string& path, Follow followLast,
                     unsigned maxLinks);

}  // namespace h5cap::hdf5
