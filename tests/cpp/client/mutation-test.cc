// What a hostile server may put into replies: number layouts that pass the wire's checks and are odd all the same.
// Refused or converted, never read outside; meant for the sanitizers.  Seeded.  Not covered: places of variable-length
// data (tests/cpp/core/heap-test.cc), whole messages (tests/cpp/core/mutation-test.cc).
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>

#include "h5cap/client.h"

using namespace h5cap;

namespace {

constexpr int TRIALS = 20000;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t upTo(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(engine_); }

  Bytes bytes(std::size_t size) {
    Bytes result(size);
    for (auto& byte : result) byte = static_cast<std::byte>(upTo(255));
    return result;
  }

  // An offset or a count: mostly small, sometimes near an edge.
  std::uint64_t number(std::size_t size) {
    constexpr std::array<std::uint64_t, 4> edges = {~0ull, ~0ull - 15, 1ull << 63, 1ull << 60};
    return upTo(9) == 0 ? edges[upTo(edges.size() - 1)] : upTo(size + 1);
  }

 private:
  std::mt19937_64 engine_;
};

FloatType oddFloat(Dice& dice, unsigned bits) {
  auto small = [&](unsigned most) { return static_cast<std::uint16_t>(dice.upTo(most)); };
  FloatType type;
  type.order = dice.upTo(1) ? ByteOrder::big : ByteOrder::little;
  type.precision = static_cast<std::uint16_t>(bits);
  type.exponentSize = small(bits);
  type.exponentPosition = small(bits - type.exponentSize);
  type.mantissaSize = small(bits);
  type.mantissaPosition = small(bits - type.mantissaSize);
  type.signPosition = small(bits - 1);
  type.exponentBias = static_cast<decltype(type.exponentBias)>(dice.number(5000));
  return type;
}

IntegerType oddInteger(Dice& dice, unsigned bits) {
  IntegerType type;
  type.isSigned = dice.upTo(1) == 1;
  type.order = dice.upTo(1) ? ByteOrder::big : ByteOrder::little;
  type.precision = static_cast<std::uint16_t>(1 + dice.upTo(bits - 1));
  type.bitOffset = static_cast<std::uint16_t>(dice.upTo(bits - type.precision));
  return type;
}

// False when there is no such conversion.
template <class To>
bool converts(const DataType& type, const Bytes& elements) {
  std::vector<To> target(elements.size() / type.size());
  try {
    convert(type, elements.data(), target.size(), {}, nativeType<To>(), target.data());
    return true;
  } catch (const BadType&) {
    return false;
  }
}

}  // namespace

TEST_CASE("numbers of odd layouts convert or are refused") {
  Dice dice(5150);
  int converted = 0, refused = 0;
  for (int trial = 0; trial < TRIALS; ++trial) {
    auto size = static_cast<std::uint32_t>(1 + dice.upTo(15));
    auto elements = dice.bytes(size * 3);
    DataType type =
        dice.upTo(1) ? DataType(size, oddFloat(dice, 8 * size)) : DataType(size, oddInteger(dice, 8 * size));
    for (bool done : {converts<double>(type, elements), converts<std::int64_t>(type, elements),
                      converts<std::uint8_t>(type, elements), converts<float>(type, elements)}) {
      ++(done ? converted : refused);
    }
  }
  CHECK(converted > TRIALS / 100);
  CHECK(refused > TRIALS / 100);
}
