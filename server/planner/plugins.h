// Filters: every one that is installed is loaded before the first file, because a sandboxed planner cannot load any.
#pragma once

namespace h5cap::hdf5 {

// Registers our own decoders, then the filters of the plugins in HDF5_PLUGIN_PATH's folders or, where that is not set,
// in the usual ones of distributions; of several for one filter the first counts.  A plugin that would bring another
// libhdf5 into the process is left out: what the one allocates the other would free.  libhdf5 looks for no plugin
// afterwards.
void loadFilters();

}  // namespace h5cap::hdf5
