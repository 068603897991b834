// Questions from the front, answered one at a time (capnp/h5cap/planner.capnp).
#pragma once

namespace h5cap::hdf5 {

// Serves until the other end closes, or sends what is no request.  `file` is the file's descriptor, `channel` a stream
// socket.
void serve(int file, int channel);

}  // namespace h5cap::hdf5
