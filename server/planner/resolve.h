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
};
struct ResolvedMissing {
  std::string component;
};

using Resolved = std::variant<ResolvedNode, Link, ResolvedExternal, ResolvedMissing>;

// "." and empty components mean nothing, ".." is a name like any other (as for libhdf5).  With Follow::no the last
// component's link itself is the answer.  NotFound after 40 soft links, Unimplemented for user-defined ones, FileError.
Resolved resolvePath(const OpenFile& file, ObjectId base, const std::string& path, Follow followLast);

}  // namespace h5cap::hdf5
