// The mappings of a virtual dataset, as its creation list states them.  Opens no source.
#pragma once

#include <hdf5.h>

#include <string>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

std::size_t mappingCount(hid_t creationList);

std::vector<VirtualSource> readMappings(hid_t creationList);

// Why the shape of the virtual dataset depends on its sources, in which case H5Dget_space must not be called: it would
// open them.  Empty when it does not.
std::string whyShapeUnknown(hid_t creationList);

}  // namespace h5cap::hdf5
