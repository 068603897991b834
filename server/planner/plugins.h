// Filters: every one that is installed is loaded before the first file, because a sandboxed planner cannot load any.
#pragma once

namespace h5cap::hdf5 {

// Honours HDF5_PLUGIN_PATH; adds Debian's folders and hdf5plugin's when they exist.
void loadFilters();

}  // namespace h5cap::hdf5
