// External links: listed and reported, never followed by libhdf5.
#pragma once

namespace h5cap::hdf5 {

// Replaces libhdf5's own class of external links by one whose traversal fails.  (Unregistering it would break
// H5Lget_val.)  Call once, before any file is open.
void forbidExternalTraversal();

}  // namespace h5cap::hdf5
