// Conversion of packed elements by HDF5's rules: saturation, truncation, byte orders, odd layouts, strings, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "h5cap/client.h"
#ifdef H5CAP_HAVE_XTENSOR
#include "h5cap/xtensor.h"
#include "tests/support/fake-server.h"
#endif

using namespace h5cap;

namespace {

template <class To>
To one(const DataType& type, std::vector<int> bytes) {
  Bytes elements;
  for (int byte : bytes) elements.push_back(static_cast<std::byte>(byte));
  To result{};
  convert(type, elements.data(), 1, {}, nativeType<To>(), &result);
  return result;
}

template <class To, class From>
To convertPlainly(const DataType& type, From value) {
  To result{};
  convert(type, reinterpret_cast<const std::byte*>(&value), 1, {}, nativeType<To>(), &result);
  return result;
}

DataType integer(std::uint32_t size, bool isSigned, ByteOrder order = ByteOrder::little, int precision = 0,
                 int offset = 0) {
  IntegerType type;
  type.isSigned = isSigned;
  type.order = order;
  type.precision = static_cast<std::uint16_t>(precision ? precision : 8 * size);
  type.bitOffset = static_cast<std::uint16_t>(offset);
  return DataType(size, type);
}

DataType ieee(std::uint32_t size, ByteOrder order = ByteOrder::little) {
  FloatType type;
  type.order = order;
  type.precision = static_cast<std::uint16_t>(8 * size);
  type.exponentSize = size == 2 ? 5 : size == 4 ? 8 : 11;
  type.mantissaSize = static_cast<std::uint16_t>(8 * size - 1 - type.exponentSize);
  type.exponentPosition = type.mantissaSize;
  type.signPosition = static_cast<std::uint16_t>(8 * size - 1);
  type.exponentBias = (1u << (type.exponentSize - 1)) - 1;
  return DataType(size, type);
}

}  // namespace

TEST_CASE("integers saturate") {
  CHECK(convertPlainly<std::uint8_t>(integer(2, true), std::int16_t{-5}) == 0);
  CHECK(convertPlainly<std::uint8_t>(integer(2, true), std::int16_t{300}) == 255);
  CHECK(convertPlainly<std::int8_t>(integer(8, false), ~std::uint64_t{0}) == 127);
  CHECK(convertPlainly<std::int64_t>(integer(8, false), ~std::uint64_t{0}) == std::numeric_limits<std::int64_t>::max());
  CHECK(convertPlainly<std::uint64_t>(integer(8, true), std::int64_t{-1}) == 0);
  CHECK(convertPlainly<double>(integer(8, true), std::int64_t{-1}) == -1.0);
}

TEST_CASE("floats truncate, saturate, and NaN is zero") {
  CHECK(convertPlainly<int>(ieee(8), -2.9) == -2);
  CHECK(convertPlainly<int>(ieee(8), 1e20) == std::numeric_limits<int>::max());
  CHECK(convertPlainly<std::int64_t>(ieee(8), 9.3e18) == std::numeric_limits<std::int64_t>::max());
  CHECK(convertPlainly<std::int64_t>(ieee(8), -1e300) == std::numeric_limits<std::int64_t>::min());
  CHECK(convertPlainly<std::uint64_t>(ieee(4), 2e19f) == ~std::uint64_t{0});
  CHECK(convertPlainly<std::uint16_t>(ieee(4), -0.5f) == 0);
  CHECK(convertPlainly<int>(ieee(8), std::nan("")) == 0);
  CHECK(convertPlainly<float>(ieee(8), 1e300) == std::numeric_limits<float>::infinity());
  CHECK(convertPlainly<double>(ieee(4), 0.1f) == static_cast<double>(0.1f));
}

TEST_CASE("byte orders and narrow layouts") {
  CHECK(one<int>(integer(2, true, ByteOrder::big), {0xff, 0xfe}) == -2);
  CHECK(one<std::uint16_t>(integer(2, false, ByteOrder::big), {1, 2}) == 0x102);
  CHECK(one<double>(ieee(4, ByteOrder::big), {0x3f, 0xc0, 0, 0}) == 1.5);
  CHECK(one<int>(integer(3, true), {0xff, 0xff, 0xff}) == -1);
  CHECK(one<int>(integer(2, true, ByteOrder::little, 12, 4), {0xf0, 0xff}) == -1);
  CHECK(one<int>(integer(2, false, ByteOrder::little, 12, 4), {0x3f, 0x12}) == 0x123);
  struct Half {
    int low, high;
    float value;
  };
  for (auto [low, high, value] :
       {Half{0x00, 0x3c, 1.0f}, Half{0x00, 0xc0, -2.0f}, Half{0x01, 0x00, 5.9604645e-8f}, Half{0xff, 0x7b, 65504.0f},
        Half{0x00, 0x7c, std::numeric_limits<float>::infinity()}}) {
    CHECK(one<float>(ieee(2), {low, high}) == value);
  }
}

TEST_CASE("enumerations and booleans convert as their integers") {
  EnumType type;
  type.base = std::make_shared<DataType>(integer(1, true));
  type.members = {{"FALSE", {std::byte{0}}}, {"TRUE", {std::byte{1}}}};
  DataType boolean(1, type);
  CHECK(one<bool>(boolean, {1}));
  CHECK(!one<bool>(boolean, {0}));
  CHECK(one<int>(boolean, {1}) == 1);
  CHECK(one<bool>(integer(4, true), {0, 0, 0, 1}));
}

TEST_CASE("complex numbers: HDF5's own, h5py's compounds, and numbers") {
  auto part = std::make_shared<DataType>(ieee(4));
  DataType native(8, ComplexType{part}), compound(8, CompoundType{{{"r", 0, *part}, {"i", 4, *part}}});
  for (const DataType& type : {native, compound}) {
    CHECK(one<std::complex<double>>(type, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}) == std::complex<double>(1, -2));
    CHECK(one<std::complex<float>>(type, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}) == std::complex<float>(1, -2));
  }
  CHECK(one<std::complex<double>>(integer(1, true), {0xff}) == std::complex<double>(-1, 0));
  CHECK_THROWS_AS(one<double>(native, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}), BadType);
}

TEST_CASE("strings honour their padding") {
  using Padding = StringPadding;
  CHECK(one<std::string>(DataType(4, FixedStringType{Padding::nullTerminated, {}}), {'a', 0, 'b', 0}) == "a");
  CHECK(one<std::string>(DataType(4, FixedStringType{Padding::nullPadded, {}}), {'a', 0, 'b', 0}) ==
        std::string("a\0b", 3));
  CHECK(one<std::string>(DataType(4, FixedStringType{Padding::spacePadded, {}}), {'a', ' ', 'b', ' '}) == "a b");
  CHECK(one<std::string>(DataType(2, FixedStringType{}), {'a', 'b'}) == "ab");
  CHECK_THROWS_AS(
      one<std::string>(DataType(16, VariableStringType{}), {1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}),
      FileError);
}

TEST_CASE("what has no conversion is refused, naming both") {
  CHECK_THROWS_AS(one<int>(DataType(4, FixedStringType{}), {0, 0, 0, 0}), BadType);
  CHECK_THROWS_AS(one<std::string>(integer(1, true), {0}), BadType);
  CHECK_THROWS_AS(one<int>(DataType(1, OpaqueType{}), {0}), BadType);
  try {
    one<int>(DataType(4, OpaqueType{"tag"}), {0, 0, 0, 0});
  } catch (const BadType& error) {
    CHECK(std::string(error.what()).find("int32") != std::string::npos);
  }
}

#ifdef H5CAP_HAVE_XTENSOR
TEST_CASE("xtensor containers take a view, and a wrong rank is refused") {
  test::FakeServer server({{"/plane", test::counting({6, 7}, 2)}});
  auto dataset = connect(server.url()).open("file.h5").dataset("/plane");
  auto whole = xarray<int>(dataset.view());
  CHECK(whole.dimension() == 2);
  CHECK(whole(2, 3) == 17);
  xt::xtensor<double, 1> row;
  readInto(dataset[{2}], row);
  CHECK(row.size() == 7);
  CHECK(row(3) == 17.0);
  CHECK_THROWS_AS(readInto(dataset.view(), row), BadSelection);
}
#endif
