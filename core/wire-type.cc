// Datatypes on the wire.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/checked-size.h"
#include "core/wire-checks.h"
#include "core/wire.h"
#include "h5cap/place.h"

namespace h5cap::wire {

namespace {

constexpr unsigned MAX_DEPTH = 32;                      // of nested types
constexpr std::uint32_t MAX_TYPE_BYTES = 512u << 20;
constexpr unsigned MAX_TYPES = 1u << 16;                // nested in one another, all levels together

using Type = rpc::DataType;

ByteOrder readOrder(rpc::ByteOrder order) { return readEnum(order, ByteOrder::big, "byte order"); }
CharacterSet readSet(rpc::CharacterSet set) { return readEnum(set, CharacterSet::utf8, "character set"); }
StringPadding readPadding(rpc::StringPadding padding) {
  return readEnum(padding, StringPadding::spacePadded, "string padding");
}
rpc::ByteOrder asWire(ByteOrder order) { return static_cast<rpc::ByteOrder>(order); }
rpc::CharacterSet asWire(CharacterSet set) { return static_cast<rpc::CharacterSet>(set); }
rpc::StringPadding asWire(StringPadding padding) { return static_cast<rpc::StringPadding>(padding); }

// Reads one type; remembers how much it has read, since a small message can point at one struct many times.
class TypeReader {
 public:
  DataType read(Type::Reader reader, unsigned depth) {
    if (depth > MAX_DEPTH) invalid("a datatype that is nested too deeply");
    if (++types_ > MAX_TYPES) invalid("a datatype of too many parts");
    auto size = reader.getSize();
    // Types may be larger than the elements that can be sent: they are described all the same.
    if (size > MAX_TYPE_BYTES) invalid(fmt::format("a datatype of {} bytes", size));
    if (size == 0 && !reader.isUnsupported()) invalid("a datatype of no bytes");
    return DataType(size, readClass(reader, depth), reader.getNamedTypeId());
  }

 private:
  DataType::Class readClass(Type::Reader reader, unsigned depth) {
    auto size = reader.getSize();
    switch (reader.which()) {
      case Type::UNSUPPORTED:
        return UnsupportedType{readText(reader.getUnsupported())};
      case Type::INTEGER: {
        auto from = reader.getInteger();
        checkBits(size, from.getPrecision(), from.getBitOffset());
        return IntegerType{from.getSigned(), readOrder(from.getOrder()), from.getPrecision(), from.getBitOffset()};
      }
      case Type::FLOAT:
        return readFloat(reader.getFloat(), size);
      case Type::FIXED_STRING: {
        auto from = reader.getFixedString();
        return FixedStringType{readPadding(from.getPadding()), readSet(from.getCharacterSet())};
      }
      case Type::VARIABLE_STRING: {
        auto from = reader.getVariableString();
        checkPlace(size);
        return VariableStringType{readPadding(from.getPadding()), readSet(from.getVariableCharacterSet())};
      }
      case Type::ENUMERATION:
        return readEnumeration(reader, depth);
      case Type::COMPOUND:
        return readCompound(reader, depth);
      case Type::ARRAY:
        return readArray(reader, depth);
      case Type::SEQUENCE:
        checkPlace(size);
        return SequenceType{shared(reader.getSequence(), depth)};
      case Type::OPAQUE:
        return OpaqueType{readText(reader.getOpaque())};
      case Type::BITFIELD: {
        auto from = reader.getBitfield();
        checkBits(size, from.getBitfieldPrecision(), 0);
        return BitfieldType{readOrder(from.getBitfieldOrder()), from.getBitfieldPrecision()};
      }
      case Type::OBJECT_REFERENCE:
        return ObjectReferenceType{};
      case Type::REGION_REFERENCE:
        return RegionReferenceType{};
      case Type::ANY_REFERENCE:
        checkPlace(size);
        return AnyReferenceType{};
      case Type::COMPLEX: {
        auto base = shared(reader.getComplex(), depth);
        if (!base->as<FloatType>()) invalid("a complex type whose parts are no floats");
        if (std::uint64_t{base->size()} * 2 != size) invalid("a complex type that is not two of its base");
        return ComplexType{std::move(base)};
      }
      case Type::TIME:
        return TimeType{};
    }
    return UnsupportedType{"of a newer peer"};
  }

  SharedType shared(Type::Reader reader, unsigned depth) {
    return std::make_shared<const DataType>(read(reader, depth + 1));
  }

  static void checkBits(std::uint32_t size, std::uint32_t precision, std::uint32_t offset) {
    if (precision == 0 || precision + offset > std::uint64_t{size} * 8) invalid("a number wider than its bytes");
  }

  static void checkPlace(std::uint32_t size) {
    if (size != PLACE_BYTES) invalid("a variable-length type whose place is not 16 bytes");
  }

  static FloatType readFloat(Type::Float::Reader from, std::uint32_t size) {
    FloatType type;
    type.order = readOrder(from.getOrder());
    type.precision = from.getPrecision();
    type.bitOffset = from.getBitOffset();
    type.exponentPosition = from.getExponentPosition();
    type.exponentSize = from.getExponentSize();
    type.mantissaPosition = from.getMantissaPosition();
    type.mantissaSize = from.getMantissaSize();
    type.exponentBias = from.getExponentBias();
    type.signPosition = from.getSignPosition();
    type.storesLeadingBit = from.getStoresLeadingBit();
    checkBits(size, type.precision, type.bitOffset);
    auto bits = std::uint64_t{size} * 8;
    if (type.exponentPosition + type.exponentSize > bits || type.mantissaPosition + type.mantissaSize > bits ||
        type.signPosition >= bits) {
      invalid("a float whose parts lie outside of it");
    }
    return type;
  }

  EnumType readEnumeration(Type::Reader reader, unsigned depth) {
    auto from = reader.getEnumeration();
    EnumType type{shared(from.getBase(), depth), {}};
    if (!type.base->as<IntegerType>()) invalid("an enumeration whose base is no integer");
    if (type.base->size() != reader.getSize()) invalid("an enumeration whose size is not that of its base");
    for (auto member : counted<Type::EnumMember>(from.getMembers())) {
      if (member.getValue().size() != type.base->size()) invalid("an enumeration with a value of the wrong size");
      type.members.push_back({readText(member.getName()), readBytes(member.getValue())});
    }
    return type;
  }

  CompoundType readCompound(Type::Reader reader, unsigned depth) {
    CompoundType type;
    for (auto field : counted<Type::Field>(reader.getCompound())) {
      auto member = read(field.getType(), depth + 1);
      if (!isWithin(field.getOffset(), member.size(), reader.getSize())) {
        invalid("a compound with a field outside of it");
      }
      type.fields.push_back({readText(field.getName()), field.getOffset(), std::move(member)});
    }
    checkApart(type);
    return type;
  }

  // No two fields share bytes, as HDF5 has it.
  static void checkApart(const CompoundType& type) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
    for (auto& field : type.fields) places.emplace_back(field.offset, field.offset + std::uint64_t{field.type.size()});
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i].first < places[i - 1].second) invalid("a compound with fields that overlap");
    }
  }

  ArrayType readArray(Type::Reader reader, unsigned depth) {
    auto from = reader.getArray();
    checkRank(from.getDimensions().size());
    ArrayType type{shared(from.getElement(), depth), {}};
    CheckedSize bytes = type.element->size();
    for (auto extent : from.getDimensions()) {
      type.dimensions.push_back(extent);
      bytes *= extent;
    }
    if (bytes.fits() != reader.getSize()) invalid("an array type whose size is not that of its elements");
    return type;
  }

  unsigned types_ = 0;
};

struct ClassWriter {
  Type::Builder to;

  void operator()(const UnsupportedType& type) { to.setUnsupported(asText(type.name)); }
  void operator()(const IntegerType& type) {
    auto group = to.initInteger();
    group.setSigned(type.isSigned);
    group.setOrder(asWire(type.order));
    group.setPrecision(type.precision);
    group.setBitOffset(type.bitOffset);
  }
  void operator()(const FloatType& type) {
    auto group = to.initFloat();
    group.setOrder(asWire(type.order));
    group.setPrecision(type.precision);
    group.setBitOffset(type.bitOffset);
    group.setExponentPosition(type.exponentPosition);
    group.setExponentSize(type.exponentSize);
    group.setMantissaPosition(type.mantissaPosition);
    group.setMantissaSize(type.mantissaSize);
    group.setExponentBias(type.exponentBias);
    group.setSignPosition(type.signPosition);
    group.setStoresLeadingBit(type.storesLeadingBit);
  }
  void operator()(const FixedStringType& type) {
    auto group = to.initFixedString();
    group.setPadding(asWire(type.padding));
    group.setCharacterSet(asWire(type.characterSet));
  }
  void operator()(const VariableStringType& type) {
    auto group = to.initVariableString();
    group.setPadding(asWire(type.padding));
    group.setVariableCharacterSet(asWire(type.characterSet));
  }
  void operator()(const EnumType& type) {
    auto group = to.initEnumeration();
    write(*type.base, group.initBase());
    auto members = group.initMembers(listSize(type.members.size()));
    for (unsigned i = 0; i < members.size(); ++i) {
      members[i].setName(asText(type.members[i].name));
      members[i].setValue(asData(type.members[i].value));
    }
  }
  void operator()(const CompoundType& type) {
    auto fields = to.initCompound(listSize(type.fields.size()));
    for (unsigned i = 0; i < fields.size(); ++i) {
      fields[i].setName(asText(type.fields[i].name));
      fields[i].setOffset(type.fields[i].offset);
      write(type.fields[i].type, fields[i].initType());
    }
  }
  void operator()(const ArrayType& type) {
    auto group = to.initArray();
    write(*type.element, group.initElement());
    auto dimensions = group.initDimensions(listSize(type.dimensions.size()));
    for (unsigned i = 0; i < dimensions.size(); ++i) dimensions.set(i, type.dimensions[i]);
  }
  void operator()(const SequenceType& type) { write(*type.base, to.initSequence()); }
  void operator()(const OpaqueType& type) { to.setOpaque(asText(type.tag)); }
  void operator()(const BitfieldType& type) {
    auto group = to.initBitfield();
    group.setBitfieldOrder(asWire(type.order));
    group.setBitfieldPrecision(type.precision);
  }
  void operator()(const ObjectReferenceType&) { to.setObjectReference(); }
  void operator()(const RegionReferenceType&) { to.setRegionReference(); }
  void operator()(const AnyReferenceType&) { to.setAnyReference(); }
  void operator()(const ComplexType& type) { write(*type.base, to.initComplex()); }
  void operator()(const TimeType&) { to.setTime(); }
};

}  // namespace

DataType read(rpc::DataType::Reader reader) { return TypeReader().read(reader, 0); }

void write(const DataType& type, rpc::DataType::Builder builder) {
  builder.setSize(type.size());
  builder.setNamedTypeId(type.namedTypeId());
  std::visit(ClassWriter{builder}, type.klass());
}

}  // namespace h5cap::wire
