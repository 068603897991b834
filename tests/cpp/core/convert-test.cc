// Conversion of packed elements to packed elements of another type: layouts that no machine has, enumerations, strings
// and refusals.  Numbers of machines are compared with libhdf5 in tests/conformance, and to native ones in
// tests/cpp/client.
#include "core/convert.h"

#include <doctest/doctest.h>

#include <complex>

#include "h5cap/error.h"

using namespace h5cap;

namespace {

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

Bytes text(const std::string& characters) {
  auto* first = reinterpret_cast<const std::byte*>(characters.data());
  return Bytes(first, first + characters.size());
}

DataType integer(std::uint32_t size, bool isSigned, ByteOrder order, std::uint16_t precision, std::uint16_t offset) {
  return DataType(size, IntegerType{isSigned, order, precision, offset});
}

DataType half(ByteOrder order) { return DataType(2, FloatType{order, 16, 0, 10, 5, 0, 10, 15, 15}); }

DataType string(std::uint32_t size, StringPadding padding, CharacterSet set = CharacterSet::ascii) {
  return DataType(size, FixedStringType{padding, set});
}

DataType enumeration(const DataType& base, std::vector<EnumMember> members) {
  return DataType(base.size(), EnumType{std::make_shared<const DataType>(base), std::move(members)});
}

SharedType share(DataType type) { return std::make_shared<const DataType>(std::move(type)); }

const DataType INT16 = integer(2, true, ByteOrder::little, 16, 0);
const DataType INT8 = integer(1, true, ByteOrder::little, 8, 0);

}  // namespace

TEST_CASE("integers of fewer bits than their bytes have saturate at their own limits") {
  DataType twelve = integer(2, true, ByteOrder::big, 12, 2);
  // 5, -1, 3000 and -3000 become 5, -1, 2047 and -2048, two bits up.
  Bytes converted = convertElements(INT16, bytes({5, 0, 0xff, 0xff, 0xb8, 0x0b, 0x48, 0xf4}), twelve);
  CHECK(converted == bytes({0, 20, 0x3f, 0xfc, 0x1f, 0xfc, 0x20, 0}));
  CHECK(convertElements(twelve, converted, INT16) == bytes({5, 0, 0xff, 0xff, 0xff, 0x07, 0, 0xf8}));
  DataType five = integer(1, false, ByteOrder::little, 5, 3);
  CHECK(convertElements(INT16, bytes({0xff, 0xff, 33, 0}), five) == bytes({0, 31 << 3}));
}

TEST_CASE("half floats: every one of them survives a trip through float64") {
  DataType real(8, FloatType{ByteOrder::big, 64, 0, 52, 11, 0, 52, 63, 1023});
  Bytes all;
  for (int bits = 0; bits < 65536; ++bits) {
    const bool isNan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
    if (isNan) continue;
    all.push_back(std::byte(bits));
    all.push_back(std::byte(bits >> 8));
  }
  Bytes back = convertElements(real, convertElements(half(ByteOrder::little), all, real), half(ByteOrder::little));
  CHECK(back == all);
  // 65520 and beyond round to infinity, 2 to the -26 to zero.
  CHECK(convertElements(integer(4, true, ByteOrder::little, 32, 0), bytes({0xf0, 0xff, 0, 0, 0xef, 0xff, 0, 0}),
                        half(ByteOrder::big)) == bytes({0x7c, 0, 0x7b, 0xff}));
  CHECK(convertElements(real, bytes({0x3e, 0x50, 0, 0, 0, 0, 0, 0}), half(ByteOrder::big)) == bytes({0, 0}));
}

TEST_CASE("enumerations convert by their members' names, and to numbers as their integers") {
  DataType from = enumeration(INT8, {{"on", bytes({1})}, {"off", bytes({0})}});
  DataType to = enumeration(INT16, {{"off", bytes({7, 0})}, {"broken", bytes({1, 0})}, {"on", bytes({2, 1})}});
  CHECK(convertElements(from, bytes({0, 1, 5}), to) == bytes({7, 0, 2, 1, 0xff, 0xff}));
  CHECK(convertElements(from, bytes({0, 1, 5}), INT16) == bytes({0, 0, 1, 0, 5, 0}));
  CHECK_THROWS_AS(convertElements(to, bytes({7, 0}), from), BadType);
  CHECK_THROWS_AS(convertElements(INT8, bytes({1}), to), BadType);
}

TEST_CASE("fixed strings are cut and padded") {
  auto terminated = string(4, StringPadding::nullTerminated), padded = string(4, StringPadding::nullPadded);
  auto spaced = string(6, StringPadding::spacePadded);
  CHECK(convertElements(spaced, text("ab    abcdef"), terminated) == text(std::string("ab\0\0abc\0", 8)));
  CHECK(convertElements(spaced, text("ab    abcdef"), padded) == text(std::string("ab\0\0abcd", 8)));
  CHECK(convertElements(padded, text(std::string("a\0\0\0abcd", 8)), spaced) == text("a     abcd  "));
  CHECK_THROWS_AS(convertElements(terminated, {}, string(4, StringPadding::nullPadded, CharacterSet::utf8)), BadType);
  CHECK_THROWS_AS(convertElements(terminated, {}, INT16), BadType);
}

TEST_CASE("what is not converted, and what needs no conversion") {
  DataType variable(16, VariableStringType{}), opaque(2, OpaqueType{"tag"});
  CHECK_THROWS_AS(convertElements(variable, {}, string(4, StringPadding::nullPadded)), BadType);
  CHECK_THROWS_AS(convertElements(opaque, {}, INT16), BadType);
  CHECK_THROWS_AS(convertElements(DataType(0, OpaqueType{}), {}, INT16), BadType);
  CHECK(convertElements(opaque, bytes({1, 2}), DataType(2, OpaqueType{"tag"}, 800)) == bytes({1, 2}));
  for (int precision : {0, 65, 300}) {
    auto wrong = static_cast<std::uint16_t>(precision);
    CHECK_THROWS_AS(convertElements(INT16, bytes({1, 0}), integer(8, false, ByteOrder::little, wrong, 0)), BadType);
    CHECK_THROWS_AS(convertElements(integer(8, true, ByteOrder::little, wrong, 1), Bytes(8), INT16), BadType);
  }
}

TEST_CASE("complex numbers: to others, to numbers and back, and what HDF5 takes for the same") {
  auto real = [](ByteOrder order) { return DataType(4, FloatType{order, 32, 0, 23, 8, 0, 23, 31, 127}); };
  auto complex = [](const DataType& part) { return DataType(2 * part.size(), ComplexType{share(part)}); };
  const DataType little = real(ByteOrder::little), big = real(ByteOrder::big), halves = half(ByteOrder::little);
  const Bytes two = bytes({0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 0x3f});  // 1-2j, 2+0.5j
  CHECK(convertElements(complex(little), two, complex(big)) ==
        bytes({0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 0x3f, 0, 0, 0}));
  CHECK(convertElements(complex(little), two, complex(halves)) == bytes({0, 0x3c, 0, 0xc0, 0, 0x40, 0, 0x38}));
  CHECK(convertElements(complex(little), two, INT16) == bytes({1, 0, 2, 0}));
  CHECK(convertElements(INT16, bytes({1, 0, 2, 0}), complex(little)) ==
        bytes({0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0}));

  auto pair = [&](const char* first, const char* second) {
    return DataType(8, CompoundType{{{first, 0, little}, {second, 4, little}}});
  };
  const DataType array(8, ArrayType{share(little), {2}});
  for (const DataType& same : {pair("r", "i"), pair("re", "im"), pair("real", "imaginary"), array}) {
    CAPTURE(describe(same));
    CHECK(convertElements(complex(little), two, same) == two);
    CHECK(convertElements(same, two, complex(little)) == two);
  }
  for (const DataType& other : {pair("i", "r"), pair("real", "imaginary part"), pair("x", "y")}) {
    CAPTURE(describe(other));
    CHECK_THROWS_AS(convertElements(complex(little), two, other), BadType);
    CHECK_THROWS_AS(convertElements(other, two, complex(little)), BadType);
  }
  CHECK_THROWS_AS(convertElements(complex(big), two, pair("r", "i")), BadType);

  std::complex<double> found[2];
  for (const DataType& from : {complex(little), pair("r", "i")}) {
    toComplex(from, two.data(), 2, found);
    CHECK(found[0] == std::complex<double>(1, -2));
    CHECK(found[1] == std::complex<double>(2, 0.5));
  }
  toComplex(INT16, bytes({1, 0, 0xfe, 0xff}).data(), 2, found);
  CHECK(found[0] == std::complex<double>(1, 0));
  CHECK(found[1] == std::complex<double>(-2, 0));
  std::complex<float> narrow[1];
  toComplex(complex(halves), bytes({0, 0x3c, 0, 0xc0}).data(), 1, narrow);
  CHECK(narrow[0] == std::complex<float>(1, -2));
  CHECK_THROWS_AS(toComplex(pair("x", "y"), two.data(), 2, found), BadType);
  CHECK_THROWS_AS(toComplex(string(8, StringPadding::nullPadded), two.data(), 2, found), BadType);
}
