// The mappings of a virtual dataset, as its creation list states them.  Opens no source.
#pragma once

#include <hdf5.h>

#include <optional>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

std::size_t mappingCount(hid_t creationList);

std::vector<VirtualSource> readMappings(hid_t creationList);

// The space of a virtual dataset whose extent depends on its sources: of kind unknown, with the extent that the file
// stores.  H5Dget_space must not be called on it, which would look for the sources.  Nothing when the extent is fixed.
std::optional<Dataspace> growingSpace(hid_t creationList);

}  // namespace h5cap::hdf5
