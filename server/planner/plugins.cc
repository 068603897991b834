#include "server/planner/plugins.h"

#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace h5cap::hdf5 {

namespace {

constexpr std::array<const char*, 3> FOLDERS = {
    "/usr/lib/x86_64-linux-gnu/hdf5/serial/plugins",
    "/usr/lib/x86_64-linux-gnu/hdf5/plugins",
    "/usr/lib/python3/dist-packages/hdf5plugin/plugins",
};

// Numbers of registered filters that somebody packages, from The HDF Group's list: bzip2, LZF, Blosc, MAFISC, Snappy,
// LZ4, APAX, CBF, JPEG-XR, bitshuffle, SPDP, LPC-Rice, CCSDS-123, JPEG-LS, ZFP, FPZIP, Zstandard, B3D, SZ, FCIDECOMP,
// JPEG, VBZ, FAPEC, BitGroom, Granular BitRound, SZ3, Delta-Rice, Blosc2, FLAC, H5Z-SPERR …
constexpr std::array<H5Z_filter_t, 2> EARLY = {305, 307};
constexpr H5Z_filter_t FIRST = 32000, LAST = 32032;

}  // namespace

void loadFilters() {
  if (std::getenv("HDF5_PLUGIN_PATH") == nullptr) {
    for (const char* folder : FOLDERS) {
      if (access(folder, R_OK | X_OK) == 0) H5PLappend(folder);
    }
  }
  // Asking loads.
  for (H5Z_filter_t id : EARLY) H5Zfilter_avail(id);
  for (H5Z_filter_t id = FIRST; id <= LAST; ++id) H5Zfilter_avail(id);
}

}  // namespace h5cap::hdf5
