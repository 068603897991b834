// Versions of files that are in use, shared by all sessions, and the ones used last, kept warm.
#pragma once

#include <kj/refcount.h>

#include <list>

#include "server/objects/file-version.h"

namespace h5cap {

class FileVersions {
 public:
  explicit FileVersions(PlannerPool& planners) : planners_(planners) {}

  // The version of the file behind `file` that has this stamp.
  kj::Own<FileVersion> get(kj::Own<SharedFile> file, const Stamp& stamp);

 private:
  static constexpr std::size_t maxWarm = 64;

  PlannerPool& planners_;
  std::list<kj::Own<FileVersion>> warm_;  // last used first
};

}  // namespace h5cap
