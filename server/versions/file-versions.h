// Versions of files that are in use, shared by all sessions, and the ones used last, kept warm.
#pragma once

#include <kj/refcount.h>

#include <list>

#include "server/versions/file-version.h"

namespace h5cap {

class FileVersions {
 public:
  explicit FileVersions(PlannerPool& planners) : planners_(planners) {}

  // The version of the file behind `file` that has this stamp.
  kj::Own<FileVersion> get(kj::Own<SharedFile> file, const Stamp& stamp);

  // The newest version of a file that is known for its live SWMR writer: its planner goes on, which takes no process and no
  // time for the stamp to settle.  Nothing for other files.
  kj::Promise<kj::Maybe<kj::Own<FileVersion>>> follow(SharedFile& file, Stamp stamp, Settled settled);

 private:
  kj::Own<FileVersion> add(kj::Own<FileVersion> version);
  static constexpr std::size_t maxWarm = 64;

  PlannerPool& planners_;
  std::list<kj::Own<FileVersion>> warm_;  // last used first
};

}  // namespace h5cap
