#include "server/planner/type-map.h"

#include <algorithm>
#include <numeric>

#include "core/checked-size.h"
#include "h5cap/error.h"
#include "h5cap/place.h"
#include "server/planner/handle.h"

namespace h5cap::hdf5 {

namespace {

constexpr int MAX_DEPTH = 24;

MappedType map(hid_t type, int depth);

SharedLayout plainLayout(std::size_t bytes) {
  MemoryLayout layout;
  layout.memoryBytes = layout.packedBytes = bytes;
  return std::make_shared<MemoryLayout>(std::move(layout));
}

std::uint64_t namedTypeId(hid_t type) {
  if (H5Tcommitted(type) <= 0) return 0;
  H5O_info_t info;
  check(H5Oget_info2(type, &info, H5O_INFO_BASIC), "look at a named datatype");
  return info.addr;
}

std::uint32_t sizeOfType(CheckedSize bytes, const char* what) {
  if (!bytes.isAtMost(UINT32_MAX)) throw FileError(std::string(what) + " of more than 4 GiB");
  return static_cast<std::uint32_t>(*bytes.fits());
}

MappedType plain(hid_t type, DataType::Class klass) {
  std::size_t bytes = H5Tget_size(type);
  return {DataType(sizeOfType(bytes, "a datatype"), std::move(klass), namedTypeId(type)), plainLayout(bytes)};
}

std::string takeText(char* text) {
  std::string result = text == nullptr ? "" : text;
  H5free_memory(text);
  return result;
}

// Nothing for the orders that only old machines had.
bool byteOrder(hid_t type, ByteOrder& order) {
  H5T_order_t found = H5Tget_order(type);
  order = found == H5T_ORDER_BE ? ByteOrder::big : ByteOrder::little;
  return found == H5T_ORDER_LE || found == H5T_ORDER_BE || found == H5T_ORDER_NONE;
}

MappedType mapInteger(hid_t type) {
  IntegerType integer;
  if (!byteOrder(type, integer.order)) return plain(type, UnsupportedType{"integer of an unusual byte order"});
  integer.isSigned = H5Tget_sign(type) == H5T_SGN_2;
  integer.precision = static_cast<std::uint16_t>(H5Tget_precision(type));
  integer.bitOffset = static_cast<std::uint16_t>(H5Tget_offset(type));
  return plain(type, integer);
}

MappedType mapFloat(hid_t type) {
  FloatType real;
  if (!byteOrder(type, real.order)) return plain(type, UnsupportedType{"float of an unusual byte order"});
  std::size_t sign, exponent, exponentSize, mantissa, mantissaSize;
  check(H5Tget_fields(type, &sign, &exponent, &exponentSize, &mantissa, &mantissaSize), "take a float type apart");
  real.precision = static_cast<std::uint16_t>(H5Tget_precision(type));
  real.bitOffset = static_cast<std::uint16_t>(H5Tget_offset(type));
  real.exponentPosition = static_cast<std::uint16_t>(exponent);
  real.exponentSize = static_cast<std::uint16_t>(exponentSize);
  real.mantissaPosition = static_cast<std::uint16_t>(mantissa);
  real.mantissaSize = static_cast<std::uint16_t>(mantissaSize);
  real.signPosition = static_cast<std::uint16_t>(sign);
  real.exponentBias = H5Tget_ebias(type);
  real.storesLeadingBit = H5Tget_norm(type) != H5T_NORM_IMPLIED;
  return plain(type, real);
}

StringPadding padding(hid_t type) {
  switch (H5Tget_strpad(type)) {
    case H5T_STR_NULLPAD:
      return StringPadding::nullPadded;
    case H5T_STR_SPACEPAD:
      return StringPadding::spacePadded;
    default:
      return StringPadding::nullTerminated;
  }
}

MappedType mapString(hid_t type) {
  CharacterSet set = H5Tget_cset(type) == H5T_CSET_UTF8 ? CharacterSet::utf8 : CharacterSet::ascii;
  if (check(H5Tis_variable_str(type), "look at a string type") == 0)
    return plain(type, FixedStringType{padding(type), set});
  MemoryLayout layout;
  layout.kind = MemoryLayout::Kind::string;
  layout.memoryBytes = sizeof(char*);
  layout.packedBytes = PLACE_BYTES;
  return {DataType(PLACE_BYTES, VariableStringType{padding(type), set}, namedTypeId(type)),
          std::make_shared<MemoryLayout>(std::move(layout))};
}

MappedType mapSequence(hid_t type, int depth) {
  Handle super = own(H5Tget_super(type), "take a variable-length type apart");
  MappedType base = map(super.get(), depth);
  MemoryLayout layout;
  layout.kind = MemoryLayout::Kind::sequence;
  layout.memoryBytes = sizeof(hvl_t);
  layout.packedBytes = PLACE_BYTES;
  layout.base = base.layout;
  SequenceType sequence{std::make_shared<DataType>(std::move(base.type))};
  return {DataType(PLACE_BYTES, std::move(sequence), namedTypeId(type)),
          std::make_shared<MemoryLayout>(std::move(layout))};
}

MappedType mapEnum(hid_t type, int depth) {
  Handle super = own(H5Tget_super(type), "take an enumeration apart");
  EnumType enumeration;
  enumeration.base = std::make_shared<DataType>(map(super.get(), depth).type);
  int count = check(H5Tget_nmembers(type), "count the members of an enumeration");
  for (int i = 0; i < count; ++i) {
    EnumMember member;
    member.name = takeText(H5Tget_member_name(type, i));
    member.value.resize(H5Tget_size(type));
    check(H5Tget_member_value(type, i, member.value.data()), "read a member of an enumeration");
    enumeration.members.push_back(std::move(member));
  }
  return plain(type, std::move(enumeration));
}

MappedType mapArray(hid_t type, int depth) {
  Handle super = own(H5Tget_super(type), "take an array type apart");
  MappedType element = map(super.get(), depth);
  hsize_t dimensions[H5S_MAX_RANK];
  int rank = check(H5Tget_array_dims2(type, dimensions), "take an array type apart");
  ArrayType array;
  array.dimensions.assign(dimensions, dimensions + rank);
  const CheckedSize elements = productOf(std::vector<std::uint64_t>(dimensions, dimensions + rank));
  const std::uint32_t packedBytes = sizeOfType(elements * element.layout->packedBytes, "an array type");
  const std::size_t count = elements.orUnlimited();
  MemoryLayout layout;
  layout.memoryBytes = H5Tget_size(type);
  layout.packedBytes = packedBytes;
  if (element.layout->kind != MemoryLayout::Kind::plain) {
    layout.kind = MemoryLayout::Kind::composite;
    layout.parts.push_back({0, 0, count, element.layout});
  }
  array.element = std::make_shared<DataType>(std::move(element.type));
  return {DataType(packedBytes, std::move(array), namedTypeId(type)),
          std::make_shared<MemoryLayout>(std::move(layout))};
}

MappedType mapCompound(hid_t type, int depth) {
  int count = check(H5Tget_nmembers(type), "count the members of a compound");
  CompoundType compound;
  MemoryLayout layout;
  bool isPlain = true;
  for (int i = 0; i < count; ++i) {
    Handle memberType = own(H5Tget_member_type(type, i), "take a compound apart");
    MappedType member = map(memberType.get(), depth);
    isPlain = isPlain && member.layout->kind == MemoryLayout::Kind::plain;
    layout.parts.push_back({H5Tget_member_offset(type, i), 0, 1, member.layout});
    compound.fields.push_back({takeText(H5Tget_member_name(type, i)), 0, std::move(member.type)});
  }
  std::vector<std::size_t> order(layout.parts.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return layout.parts[a].memoryOffset < layout.parts[b].memoryOffset; });
  std::size_t grown = 0;
  for (std::size_t i : order) {
    MemoryLayout::Part& part = layout.parts[i];
    part.packedOffset = part.memoryOffset + grown;
    compound.fields[i].offset = sizeOfType(part.packedOffset, "a compound");
    grown += part.layout->packedBytes - part.layout->memoryBytes;
  }
  layout.memoryBytes = H5Tget_size(type);
  layout.packedBytes = layout.memoryBytes + grown;
  if (isPlain) {
    layout.parts.clear();
  } else {
    layout.kind = MemoryLayout::Kind::composite;
  }
  const auto size = sizeOfType(layout.packedBytes, "a compound");
  return {DataType(size, std::move(compound), namedTypeId(type)), std::make_shared<MemoryLayout>(std::move(layout))};
}

#ifdef H5T_NATIVE_DOUBLE_COMPLEX  // since 2.0
// Two floats, the real part first.
MappedType mapComplex(hid_t type, int depth) {
  Handle super = own(H5Tget_super(type), "take a complex type apart");
  return plain(type, ComplexType{std::make_shared<DataType>(map(super.get(), depth).type)});
}
#endif

MappedType mapReference(hid_t type) {
  if (H5Tequal(type, H5T_STD_REF_OBJ) > 0) return plain(type, ObjectReferenceType{});
  if (H5Tequal(type, H5T_STD_REF_DSETREG) > 0) return plain(type, RegionReferenceType{});
#if H5_VERSION_GE(1, 12, 0)
  MemoryLayout layout;
  layout.kind = MemoryLayout::Kind::reference;
  layout.memoryBytes = sizeof(H5R_ref_t);
  layout.packedBytes = PLACE_BYTES;
  if (H5Tget_size(type) == layout.memoryBytes) {
    return {DataType(PLACE_BYTES, AnyReferenceType{}, namedTypeId(type)),
            std::make_shared<MemoryLayout>(std::move(layout))};
  }
#endif
  return plain(type, UnsupportedType{"H5T_REFERENCE"});
}

MappedType mapBitfield(hid_t type) {
  BitfieldType bitfield;
  if (!byteOrder(type, bitfield.order)) return plain(type, UnsupportedType{"bitfield of an unusual byte order"});
  bitfield.precision = static_cast<std::uint16_t>(H5Tget_precision(type));
  return plain(type, bitfield);
}

MappedType map(hid_t type, int depth) {
  if (depth > MAX_DEPTH) throw FileError("a datatype nests more than " + std::to_string(MAX_DEPTH) + " deep");
  switch (check(H5Tget_class(type), "look at a datatype")) {
    case H5T_INTEGER:
      return mapInteger(type);
    case H5T_FLOAT:
      return mapFloat(type);
    case H5T_TIME:
      return plain(type, TimeType{});
    case H5T_STRING:
      return mapString(type);
    case H5T_BITFIELD:
      return mapBitfield(type);
    case H5T_OPAQUE:
      return plain(type, OpaqueType{takeText(H5Tget_tag(type))});
    case H5T_COMPOUND:
      return mapCompound(type, depth + 1);
    case H5T_REFERENCE:
      return mapReference(type);
    case H5T_ENUM:
      return mapEnum(type, depth + 1);
    case H5T_VLEN:
      return mapSequence(type, depth + 1);
    case H5T_ARRAY:
      return mapArray(type, depth + 1);
#ifdef H5T_NATIVE_DOUBLE_COMPLEX
    case H5T_COMPLEX:
      return mapComplex(type, depth + 1);
#endif
    default:
      return plain(type, UnsupportedType{"unknown class"});
  }
}

}  // namespace

bool holdsReferences(const MemoryLayout& layout) {
  if (layout.kind == MemoryLayout::Kind::reference) return true;
  if (layout.base && holdsReferences(*layout.base)) return true;
  return std::any_of(layout.parts.begin(), layout.parts.end(),
                     [](const MemoryLayout::Part& part) { return holdsReferences(*part.layout); });
}

MappedType mapType(hid_t type) { return map(type, 0); }

}  // namespace h5cap::hdf5
