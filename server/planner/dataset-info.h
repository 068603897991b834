// What a dataset is: type, shape, layout, filters, fill value, sources.
#pragma once

#include <hdf5.h>

#include <vector>

#include "h5cap/node.h"

namespace h5cap::hdf5 {

enum class Detail {
  cheap,  // nothing that costs more than the object header: no mappings, no storage size of chunked datasets
  full,
};

// FileError, Unimplemented.
DatasetInfo describeDataset(hid_t dataset, hid_t creationList, Detail detail);

// The dataset's space, without opening sources of a virtual dataset.
Dataspace spaceOf(hid_t dataset, hid_t creationList);

Layout layoutOf(hid_t creationList);
Shape chunkShapeOf(hid_t creationList);
std::vector<Filter> filtersOf(hid_t creationList);
std::vector<ExternalFile> externalFilesOf(hid_t creationList);

}  // namespace h5cap::hdf5
