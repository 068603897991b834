// Our decoders (core/codec) as libhdf5's filters, for data that only libhdf5 can read: most of all
// variable-length data.
#pragma once

namespace h5cap::hdf5 {

// Those that libhdf5 has not by itself.
void registerOwnDecoders();

}  // namespace h5cap::hdf5
