// Decoders of chunks: any bytes behind any filters decode to exactly the chunk's size, or are refused.
#include <iterator>

#include "core/codec/codec.h"
#include "from-bytes.h"
#include "fuzz.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr std::uint32_t KNOWN[] = {codec::filter::deflate, codec::filter::shuffle,    codec::filter::fletcher32,
                                   codec::filter::bzip2,   codec::filter::lzf,        codec::filter::blosc,
                                   codec::filter::lz4,     codec::filter::bitshuffle, codec::filter::zstd,
                                   codec::filter::blosc2,  codec::filter::zfp,        codec::filter::jpegls,
                                   codec::filter::fcidecomp};
constexpr std::uint32_t MOST_CHUNK_BYTES = 4096;  // nothing that a decoder does needs more to go wrong

Filter filterOf(FromBytes& from) {
  Filter filter;
  const unsigned which = from.upTo(std::size(KNOWN));
  filter.id = which < std::size(KNOWN) ? KNOWN[which] : static_cast<std::uint32_t>(from.number());
  for (unsigned n = from.upTo(10); n > 0; --n) filter.parameters.push_back(static_cast<std::uint32_t>(from.number()));
  return filter;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FromBytes from(data, size);
  std::vector<Filter> filters;
  for (unsigned n = 1 + from.upTo(2); n > 0; --n) filters.push_back(filterOf(from));
  const auto mask = static_cast<std::uint32_t>(from.number());
  const std::size_t chunkBytes = from.raw64() % MOST_CHUNK_BYTES;
  const std::size_t elementBytes = from.number();
  // A copy of its own, so that reading behind it is seen.
  const auto rest = from.rest();
  const Bytes stored(rest.begin(), rest.end());
  accepts([&] {
    if (!codec::canDecode(filters)) return;
    insist(codec::decode(filters, mask, stored, chunkBytes, elementBytes).size() == chunkBytes,
           "a chunk has its size");
  });
  accepts([&] {
    insist(codec::decodeStage(filters.front(), stored, chunkBytes).size() <= chunkBytes,
           "a stage has no more bytes than it may");
  });
  return 0;
}
