#include "server/planner/own-decoders.h"

#include <hdf5.h>

#include <array>
#include <cstring>

#include "core/codec/codec.h"
#include "core/codec/registered.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_DECODED_BYTES = 256 << 20;

// Those that libhdf5 itself lacks, and a build of ours may have.
constexpr std::array<H5Z_filter_t, 10> OWN_DECODERS = {
    codec::filter::bzip2,  codec::filter::lzf,  codec::filter::blosc,     codec::filter::lz4,
    codec::filter::bitshuffle, codec::filter::zstd, codec::filter::blosc2, codec::filter::zfp,
    codec::filter::jpegls, codec::filter::fcidecomp};

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
void registerFrom() {
  if constexpr (i < OWN_DECODERS.size()) {
    constexpr H5Z_filter_t id = OWN_DECODERS[i];
    if (codec::isDecoded(id) && H5Zfilter_avail(id) <= 0) {
      const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, id, 0, 1, codec::registeredName(id).data(), nullptr, nullptr,
                                   decodeAsFilter<id>};
      H5Zregister(&filter);
    }
    registerFrom<i + 1>();
  }
}

}  // namespace

void registerOwnDecoders() { registerFrom(); }

}  // namespace h5cap::hdf5
