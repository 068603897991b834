// How far virtual datasets reach whose extent depends on their sources.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/storage.h"
#include "server/files/open-file.h"

namespace h5cap {

struct VirtualExtent {
  Shape shape;
  // of each mapping with a pattern: how many blocks are there before one is absent
  std::map<std::size_t, std::uint64_t> blocks;
  std::vector<std::string> missingSources;      // of mappings that grow; a series of blocks ends where one is absent
};

// The extent of the virtual dataset at `place`, as this session sees its sources now, and as h5py sees it: H5Dget_space
// with H5D_VDS_LAST_AVAILABLE and no gap in a series of blocks.  `space` is of kind unknown.  A source that is a
// virtual dataset itself counts with the extent that its file stores, as in libhdf5.  Denied, FileError.
kj::Promise<VirtualExtent> measureExtent(NodePlace place, const Dataspace& space,
                                         std::shared_ptr<const Storage> storage);

// Names of all sources that are absent.  Denied, FileError: what is wrong with any of them.
kj::Promise<std::vector<std::string>> findMissingSources(NodePlace place, std::shared_ptr<const Storage> storage);

}  // namespace h5cap
