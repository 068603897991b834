// Virtual datasets: elements of a region from the sources that hold them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/plan/projection.h"
#include "core/storage.h"
#include "server/reading/dataset-reader.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {

struct VirtualRead {
  NodePlace place;
  WorkOwner owner;                          // whose turn the work is
  NodePointer node;
  Shape shape;                              // of the virtual dataset
  std::optional<VirtualExtent> extent;      // as it was measured; none for a fixed one and for a source of another
  const VirtualStorage* storage = nullptr;  // outlives the promise
  std::shared_ptr<const MappingIndex> index;
  Region region;                            // of the virtual dataset
  Bytes fillElement;
  AbsentSources absentSources = AbsentSources::fill;
  int depthLeft = 0;
};

struct VirtualOutcome {
  Bytes heap;
  std::vector<std::string> missingSources;
};

// Puts the elements of `read.region`, packed, into `target`, which outlives the promise.  Sources are opened and
// authorised for the session of the file.  An absent one leaves fill and is listed, or raises missingSource; one that
// is denied or fails raises.  Where mappings overlap the last one counts.  Elements of another datatype are converted.
// FileError, also for a source that no conversion leads from; Unimplemented: one whose datatype convertSource does not
// know.
kj::Promise<VirtualOutcome> readVirtual(VirtualRead read, std::span<std::byte> target);

}  // namespace h5cap
