// HDF5's Fletcher checksum: over big-endian 16-bit words, an odd last byte being the high one, stored little-endian
// behind the data.
#include <algorithm>

#include "core/codec/stages.h"

namespace h5cap::codec {

namespace {

// How many words can be added up before 32-bit sums overflow.
constexpr std::size_t WORDS_AT_ONCE = 360;

std::uint32_t fold(std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

std::uint32_t fletcher32(Input data) {
  std::uint32_t first = 0, second = 0;
  std::size_t at = 0;
  for (auto words = data.size() / 2; words > 0;) {
    auto now = std::min(words, WORDS_AT_ONCE);
    words -= now;
    for (; now > 0; --now, at += 2) {
      first += std::to_integer<std::uint32_t>(data[at]) << 8 | std::to_integer<std::uint32_t>(data[at + 1]);
      second += first;
    }
    first = fold(first);
    second = fold(second);
  }
  if (data.size() % 2 != 0) {
    first += std::to_integer<std::uint32_t>(data[at]) << 8;
    second += first;
    first = fold(first);
    second = fold(second);
  }
  first = fold(first);
  second = fold(second);
  return second << 16 | first;
}

// Libraries before 1.6.3 stored sums with the bytes of each half swapped; HDF5 accepts them for ever.
std::uint32_t swapHalves(std::uint32_t sum) { return (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff); }

}  // namespace

void checkFletcher32(Input stored) {
  if (stored.size() < 4) corrupt("fletcher32", "too short for its checksum");
  auto sum = fletcher32(stored.first(stored.size() - 4));
  std::uint32_t expected = __builtin_bswap32(bigEndian32(stored, stored.size() - 4));
  if (sum != expected && swapHalves(sum) != expected) corrupt("fletcher32", "the checksum differs");
}

}  // namespace h5cap::codec
