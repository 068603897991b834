// Virtual datasets: elements of a region from the sources that hold them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/projection.h"
#include "core/storage.h"
#include "server/objects/dataset-reader.h"

namespace h5cap {

struct VirtualRead {
  NodePlace place;
  NodePointer node;
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

// Puts the elements of `read.region`, packed, into `target`, which outlives the promise.  Sources are opened and authorised
// for the session of the file.  An absent one leaves fill and is listed, or raises missingSource; one that is denied or
// fails raises.  Elements of another datatype are converted.  Unimplemented: patterns, unlimited mappings, sources whose
// datatype convertElements refuses.
kj::Promise<VirtualOutcome> readVirtual(VirtualRead read, std::span<std::byte> target);

}  // namespace h5cap
