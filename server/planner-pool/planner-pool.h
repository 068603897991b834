// Planners, seen from the front: processes that run libhdf5 on one version of one file each.
//
// Everything here belongs to the event loop's thread.
#pragma once

#include <kj/async-io.h>

#include <string>

#include "server/base/shared-file.h"
#include "server/planner-pool/planner.h"
#include "server/planner-pool/pool-options.h"

namespace h5cap {

class PlannerPool {
 public:
  virtual ~PlannerPool() noexcept(false) = default;

  // A planner for a file.  Starts nothing yet.  `state` tells this state of the file from all others, for the
  // quarantine.
  virtual kj::Own<Planner> planner(kj::Own<const SharedFile> file, std::string state) = 0;

  // libhdf5's version in the planners, "1.10.8".  Known once the zygote has said hello.
  virtual kj::Promise<std::string> libraryVersion() = 0;

  virtual unsigned processCount() const = 0;  // live planners
};

// Starts the zygote.  Throws when the executable cannot be run.
kj::Own<PlannerPool> makePlannerPool(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options);

}  // namespace h5cap
