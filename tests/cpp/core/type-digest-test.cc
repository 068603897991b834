// A digest tells every type from every other, and is the same in every version of this software.
// Not covered: that replies carry it, and that readers compare it (tests/faults/test_retyped.py).
#include <doctest/doctest.h>

#include <set>

#include "core/type-digest.h"
#include "h5cap/node.h"

using namespace h5cap;

namespace {

SharedType share(DataType type) { return std::make_shared<const DataType>(std::move(type)); }

DataType integer(std::uint32_t size, ByteOrder order = ByteOrder::little, std::uint64_t namedTypeId = 0) {
  return DataType(size, IntegerType{true, order, static_cast<std::uint16_t>(8 * size), 0}, namedTypeId);
}

DataType number(FloatType change) { return DataType(8, change); }
const FloatType IEEE_DOUBLE{ByteOrder::little, 64, 0, 52, 11, 0, 52, 63, 1023};

FloatType changed(std::uint16_t FloatType::*member) {
  FloatType type = IEEE_DOUBLE;
  type.*member += 1;
  return type;
}

}  // namespace

TEST_CASE("types that differ in anything have different digests") {
  FloatType otherBias = IEEE_DOUBLE, withLeadingBit = IEEE_DOUBLE, bigEndian = IEEE_DOUBLE;
  otherBias.exponentBias = 1022;
  withLeadingBit.storesLeadingBit = true;
  bigEndian.order = ByteOrder::big;
  const std::vector<DataType> types{
      integer(4), integer(8), integer(4, ByteOrder::big),
      DataType(4, IntegerType{false, ByteOrder::little, 32, 0}),
      DataType(4, IntegerType{true, ByteOrder::little, 31, 0}),
      DataType(4, IntegerType{true, ByteOrder::little, 31, 1}),
      number(IEEE_DOUBLE), number(otherBias), number(withLeadingBit), number(bigEndian),
      number(changed(&FloatType::precision)), number(changed(&FloatType::bitOffset)),
      number(changed(&FloatType::exponentPosition)), number(changed(&FloatType::exponentSize)),
      number(changed(&FloatType::mantissaPosition)), number(changed(&FloatType::mantissaSize)),
      number(changed(&FloatType::signPosition)),
      DataType(4, FixedStringType{}), DataType(4, FixedStringType{StringPadding::spacePadded, CharacterSet::ascii}),
      DataType(4, FixedStringType{StringPadding::nullTerminated, CharacterSet::utf8}),
      DataType(16, VariableStringType{}),
      DataType(16, VariableStringType{StringPadding::nullPadded, CharacterSet::ascii}),
      DataType(16, SequenceType{share(integer(4))}), DataType(16, SequenceType{share(integer(8))}),
      DataType(4, EnumType{share(integer(4)), {EnumMember{"a", Bytes(4)}}}),
      DataType(4, EnumType{share(integer(4)), {EnumMember{"b", Bytes(4)}}}),
      DataType(4, EnumType{share(integer(4)), {EnumMember{"a", Bytes(4, std::byte{1})}}}),
      DataType(4, EnumType{share(integer(4)), {EnumMember{"a", Bytes(4)}, EnumMember{"b", Bytes(4, std::byte{1})}}}),
      DataType(8, CompoundType{{{"a", 0, integer(4)}, {"b", 4, integer(4)}}}),
      DataType(8, CompoundType{{{"b", 0, integer(4)}, {"a", 4, integer(4)}}}),
      DataType(8, CompoundType{{{"a", 4, integer(4)}, {"b", 0, integer(4)}}}),
      DataType(8, CompoundType{{{"ab", 0, integer(4)}, {"", 4, integer(4)}}}),
      DataType(8, CompoundType{{{"a", 0, integer(4)}, {"b", 4, integer(4, ByteOrder::big)}}}),
      DataType(24, ArrayType{share(integer(4)), {2, 3}}), DataType(24, ArrayType{share(integer(4)), {3, 2}}),
      DataType(24, ArrayType{share(integer(4)), {6}}),
      DataType(4, OpaqueType{"a"}), DataType(4, OpaqueType{"b"}),
      DataType(4, BitfieldType{ByteOrder::little, 32}), DataType(4, BitfieldType{ByteOrder::big, 32}),
      DataType(8, ObjectReferenceType{}), DataType(8, RegionReferenceType{}), DataType(8, TimeType{}),
      DataType(16, ComplexType{share(number(IEEE_DOUBLE))}), DataType(0, UnsupportedType{"a"}),
  };
  std::set<std::uint64_t> digests;
  for (const DataType& type : types) {
    CAPTURE(describe(type));
    CHECK(digests.insert(digestOf(type)).second);
    CHECK(digestOf(type) != 0);
  }
  CHECK(digestOf(integer(4, ByteOrder::little, 77)) == digestOf(integer(4)));
}

TEST_CASE("digests are what they were, for other versions compare them with theirs") {
  CHECK(digestOf(integer(4)) == 10152936944662475902u);
  CHECK(digestOf(number(IEEE_DOUBLE)) == 7221773846229039348u);
  CHECK(digestOf(DataType(8, CompoundType{{{"a", 0, integer(4)}, {"b", 4, integer(4)}}})) ==
        6854075859427701590u);
}
