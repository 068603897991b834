#include "h5cap/data-type.h"

#include <fmt/format.h>

#include <algorithm>

namespace h5cap {

namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

bool same(const SharedType& a, const SharedType& b) { return a == b || (a && b && *a == *b); }

struct SameClass {
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
  bool operator()(const UnsupportedType& a, const UnsupportedType& b) const { return a.name == b.name; }
  bool operator()(const IntegerType& a, const IntegerType& b) const {
    return a.isSigned == b.isSigned && a.order == b.order && a.precision == b.precision && a.bitOffset == b.bitOffset;
  }
  bool operator()(const FloatType& a, const FloatType& b) const {
    return a.order == b.order && a.precision == b.precision && a.bitOffset == b.bitOffset &&
           a.exponentPosition == b.exponentPosition && a.exponentSize == b.exponentSize &&
           a.mantissaPosition == b.mantissaPosition && a.mantissaSize == b.mantissaSize &&
           a.signPosition == b.signPosition && a.exponentBias == b.exponentBias &&
           a.storesLeadingBit == b.storesLeadingBit;
  }
  bool operator()(const FixedStringType& a, const FixedStringType& b) const {
    return a.padding == b.padding && a.characterSet == b.characterSet;
  }
  bool operator()(const VariableStringType& a, const VariableStringType& b) const {
    return a.padding == b.padding && a.characterSet == b.characterSet;
  }
  bool operator()(const EnumType& a, const EnumType& b) const {
    return same(a.base, b.base) && std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                                              [](const EnumMember& x, const EnumMember& y) {
                                                return x.name == y.name && x.value == y.value;
                                              });
  }
  bool operator()(const CompoundType& a, const CompoundType& b) const {
    return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                      [](const Field& x, const Field& y) {
                        return x.name == y.name && x.offset == y.offset && x.type == y.type;
                      });
  }
  bool operator()(const ArrayType& a, const ArrayType& b) const {
    return a.dimensions == b.dimensions && same(a.element, b.element);
  }
  bool operator()(const SequenceType& a, const SequenceType& b) const { return same(a.base, b.base); }
  bool operator()(const OpaqueType& a, const OpaqueType& b) const { return a.tag == b.tag; }
  bool operator()(const BitfieldType& a, const BitfieldType& b) const {
    return a.order == b.order && a.precision == b.precision;
  }
  bool operator()(const ObjectReferenceType&, const ObjectReferenceType&) const { return true; }
  bool operator()(const RegionReferenceType&, const RegionReferenceType&) const { return true; }
  bool operator()(const AnyReferenceType&, const AnyReferenceType&) const { return true; }
  bool operator()(const ComplexType& a, const ComplexType& b) const { return same(a.base, b.base); }
  bool operator()(const TimeType&, const TimeType&) const { return true; }
};

std::string withOrder(const char* kind, std::uint32_t size, ByteOrder order) {
  auto text = fmt::format("{}{}", kind, std::uint64_t{size} * 8);
  if (size > 1) text += order == ByteOrder::little ? " little-endian" : " big-endian";
  return text;
}

const char* name(CharacterSet set) { return set == CharacterSet::utf8 ? "UTF-8" : "ASCII"; }

const char* name(StringPadding padding) {
  switch (padding) {
    case StringPadding::nullPadded:
      return "null-padded";
    case StringPadding::spacePadded:
      return "space-padded";
    case StringPadding::nullTerminated:
      break;
  }
  return "null-terminated";
}

// The value of an enumeration's member for people; hexadecimal when the base is not a plain integer.
std::string describeValue(const EnumMember& member, const DataType& base) {
  const auto* integer = base.as<IntegerType>();
  auto size = member.value.size();
  if (integer == nullptr || size == 0 || size > 8) {
    std::string text = "0x";
    for (auto byte : member.value) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return text;
  }
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    auto byte = member.value[integer->order == ByteOrder::big ? i : size - 1 - i];
    bits = bits << 8 | std::to_integer<std::uint64_t>(byte);
  }
  if (!integer->isSigned) return fmt::format("{}", bits);
  auto unused = 64 - 8 * size;
  return fmt::format("{}", static_cast<std::int64_t>(bits << unused) >> unused);
}

std::string describeMembers(const EnumType& type) {
  std::string text;
  for (const auto& member : type.members) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{}: {}", member.name, describeValue(member, *type.base));
  }
  return text;
}

}  // namespace

bool DataType::hasVariable() const {
  return std::visit(Overloaded{
                        [](const VariableStringType&) { return true; },
                        [](const SequenceType&) { return true; },
                        [](const AnyReferenceType&) { return true; },
                        [](const ArrayType& array) { return array.element->hasVariable(); },
                        [](const CompoundType& compound) {
                          return std::any_of(compound.fields.begin(), compound.fields.end(),
                                             [](const Field& field) { return field.type.hasVariable(); });
                        },
                        [](const auto&) { return false; },
                    },
                    class_);
}

std::string DataType::unsupportedReason() const {
  return std::visit(Overloaded{
                        [](const UnsupportedType& type) { return fmt::format("datatype class {}", type.name); },
                        [](const TimeType&) { return std::string("HDF5's time type"); },
                        [](const EnumType& type) { return type.base->unsupportedReason(); },
                        [](const ArrayType& type) { return type.element->unsupportedReason(); },
                        [](const SequenceType& type) { return type.base->unsupportedReason(); },
                        [](const CompoundType& type) {
                          for (const auto& field : type.fields) {
                            auto reason = field.type.unsupportedReason();
                            if (!reason.empty()) return fmt::format("{} (in field '{}')", reason, field.name);
                          }
                          return std::string();
                        },
                        [](const auto&) { return std::string(); },
                    },
                    class_);
}

bool DataType::isBoolean() const {
  const auto* type = as<EnumType>();
  if (type == nullptr || size_ != 1 || type->members.size() != 2) return false;
  if (type->base->as<IntegerType>() == nullptr || type->base->size() != 1) return false;
  auto has = [&](const char* name, std::byte value) {
    return std::any_of(type->members.begin(), type->members.end(), [&](const EnumMember& member) {
      return member.name == name && member.value == std::vector<std::byte>{value};
    });
  };
  return has("FALSE", std::byte{0}) && has("TRUE", std::byte{1});
}

bool operator==(const DataType& a, const DataType& b) {
  return a.size_ == b.size_ && a.namedTypeId_ == b.namedTypeId_ && std::visit(SameClass{}, a.class_, b.class_);
}

std::string describe(const DataType& type) {
  if (type.isBoolean()) return "bool";
  return std::visit(
      Overloaded{
          [](const UnsupportedType& t) { return fmt::format("unsupported: {}", t.name); },
          [&](const IntegerType& t) {
            auto text = withOrder(t.isSigned ? "int" : "uint", type.size(), t.order);
            if (t.precision != 8 * type.size()) text += fmt::format(" of {} bits", t.precision);
            return text;
          },
          [&](const FloatType& t) { return withOrder("float", type.size(), t.order); },
          [&](const FixedStringType& t) {
            return fmt::format("string of {} bytes, {}, {}", type.size(), name(t.characterSet), name(t.padding));
          },
          [](const VariableStringType& t) { return fmt::format("variable-length string, {}", name(t.characterSet)); },
          [](const EnumType& t) { return fmt::format("enum {{{}}} of {}", describeMembers(t), describe(*t.base)); },
          [](const CompoundType& t) {
            std::string text;
            for (const auto& field : t.fields) {
              if (!text.empty()) text += ", ";
              text += fmt::format("{}: {}", field.name, describe(field.type));
            }
            return fmt::format("compound {{{}}}", text);
          },
          [](const ArrayType& t) {
            return fmt::format("array [{}] of {}", fmt::join(t.dimensions, ", "), describe(*t.element));
          },
          [](const SequenceType& t) { return fmt::format("sequence of {}", describe(*t.base)); },
          [&](const OpaqueType& t) { return fmt::format("opaque of {} bytes, tag '{}'", type.size(), t.tag); },
          [](const BitfieldType& t) { return fmt::format("bitfield of {} bits", t.precision); },
          [](const ObjectReferenceType&) { return std::string("object reference"); },
          [](const RegionReferenceType&) { return std::string("region reference"); },
          [](const AnyReferenceType&) { return std::string("reference"); },
          [](const ComplexType& t) { return fmt::format("complex of {}", describe(*t.base)); },
          [](const TimeType&) { return std::string("time"); },
      },
      type.klass());
}

}  // namespace h5cap
