// Shuffles: the fast ones, of libblosc2, equal the plain ones, whatever the sizes are.  In a build without that library
// both are the plain ones.  Not covered: speed (benchmarks).
#include <doctest/doctest.h>

#include "core/codec/stages.h"
#include "random.h"

using namespace h5cap;

namespace {

Bytes randomBytes(Random& random, std::size_t size) {
  Bytes result(size);
  for (auto& byte : result) byte = static_cast<std::byte>(random.between(0, 255));
  return result;
}

}  // namespace

TEST_CASE("bytes of elements are unshuffled as without a library") {
  Random random(11);
  for (std::size_t elementBytes = 2; elementBytes < 300; elementBytes += elementBytes < 40 ? 1 : 13) {
    for (std::size_t elements : {0, 1, 7, 16, 31, 32, 33, 128, 1000}) {
      const auto rest = static_cast<std::size_t>(random.between(0, static_cast<int>(elementBytes) - 1));
      const Bytes data = randomBytes(random, elements * elementBytes + rest);
      if (data.size() < elementBytes) continue;
      CAPTURE(elementBytes);
      CAPTURE(elements);
      Bytes expected(data.size()), found(data.size());
      codec::plain::unshuffle(data, expected, elementBytes);
      codec::unshuffle(data, found, elementBytes);
      CHECK(found == expected);
    }
  }
}

TEST_CASE("bits of elements are unshuffled as without a library") {
  Random random(12);
  for (std::size_t elementBytes = 1; elementBytes < 300; elementBytes += elementBytes < 40 ? 1 : 13) {
    for (std::size_t elements : {8, 16, 24, 64, 72, 128, 512, 1000}) {
      CAPTURE(elementBytes);
      CAPTURE(elements);
      const Bytes data = randomBytes(random, elements * elementBytes);
      Bytes expected(data.size()), found(data.size());
      codec::plain::unshuffleBits(data.data(), expected.data(), elements, elementBytes);
      codec::unshuffleBits(data.data(), found.data(), elements, elementBytes);
      CHECK(found == expected);
    }
  }
}
