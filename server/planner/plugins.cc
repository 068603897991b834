#include "server/planner/plugins.h"

#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "core/codec/codec.h"

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

constexpr std::size_t MAX_DECODED_BYTES = 256 << 20;

// Ours, for data that only libhdf5 can read (variable-length) where no plugin is installed.
struct OwnDecoder {
  H5Z_filter_t id;
  const char* name;
};
constexpr std::array<OwnDecoder, 6> OWN_DECODERS = {{
    {codec::filter::bzip2, "bzip2"},
    {codec::filter::lzf, "lzf"},
    {codec::filter::blosc, "blosc"},
    {codec::filter::lz4, "lz4"},
    {codec::filter::bitshuffle, "bitshuffle"},
    {codec::filter::zstd, "zstd"},
}};

// An H5Z_func_t: zero means failure.
template <H5Z_filter_t id>
std::size_t decodeAsFilter(unsigned flags, std::size_t parameterCount, const unsigned parameters[], std::size_t bytes,
                           std::size_t* capacity, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
  try {
    Filter stage;
    stage.id = id;
    stage.parameters.assign(parameters, parameters + parameterCount);
    if (!codec::canDecode({&stage, 1})) return 0;
    Bytes decoded = codec::decodeStage(stage, {static_cast<const std::byte*>(*buffer), bytes}, MAX_DECODED_BYTES);
    void* fresh = H5allocate_memory(decoded.size(), false);
    if (fresh == nullptr) return 0;
    std::memcpy(fresh, decoded.data(), decoded.size());
    H5free_memory(*buffer);
    *buffer = fresh;
    *capacity = decoded.size();
    return decoded.size();
  } catch (const std::exception&) {
    return 0;
  }
}

template <std::size_t i = 0>
void registerOwnDecoders() {
  if constexpr (i < OWN_DECODERS.size()) {
    constexpr OwnDecoder decoder = OWN_DECODERS[i];
    if (H5Zfilter_avail(decoder.id) <= 0) {
      const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, decoder.id, 0, 1, decoder.name, nullptr, nullptr,
                                   decodeAsFilter<decoder.id>};
      H5Zregister(&filter);
    }
    registerOwnDecoders<i + 1>();
  }
}

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
  registerOwnDecoders();
}

}  // namespace h5cap::hdf5
