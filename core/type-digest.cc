#include "core/type-digest.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace h5cap {

namespace {

class Digest {
 public:
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * 0x9e3779b97f4a7c15;
    value_ ^= value_ >> 32;
  }
  void add(std::string_view text) {
    add(text.size());
    for (unsigned char byte : text) add(std::uint64_t{byte});
  }
  void add(std::span<const std::byte> bytes) {
    add(bytes.size());
    for (std::byte byte : bytes) add(std::to_integer<std::uint64_t>(byte));
  }
  void add(const DataType& type) {
    add(std::uint64_t{type.klass().index()});
    add(std::uint64_t{type.size()});
    std::visit(*this, type.klass());
  }
  std::uint64_t value() const { return std::max<std::uint64_t>(value_, 1); }

  void operator()(const UnsupportedType& type) { add(type.name); }
  void operator()(const IntegerType& type) {
    addAll(type.isSigned, order(type.order), type.precision, type.bitOffset);
  }
  void operator()(const FloatType& type) {
    addAll(order(type.order), type.precision, type.bitOffset, type.exponentPosition, type.exponentSize,
           type.mantissaPosition, type.mantissaSize, type.signPosition, type.exponentBias, type.storesLeadingBit);
  }
  void operator()(const FixedStringType& type) { addText(type.padding, type.characterSet); }
  void operator()(const VariableStringType& type) { addText(type.padding, type.characterSet); }
  void operator()(const EnumType& type) {
    add(*type.base);
    add(type.members.size());
    for (const EnumMember& member : type.members) {
      add(member.name);
      add(std::span<const std::byte>(member.value));
    }
  }
  void operator()(const CompoundType& type) {
    add(type.fields.size());
    for (const Field& field : type.fields) {
      add(field.name);
      add(std::uint64_t{field.offset});
      add(field.type);
    }
  }
  void operator()(const ArrayType& type) {
    add(*type.element);
    add(type.dimensions.size());
    for (std::uint64_t extent : type.dimensions) add(extent);
  }
  void operator()(const SequenceType& type) { add(*type.base); }
  void operator()(const OpaqueType& type) { add(type.tag); }
  void operator()(const BitfieldType& type) { addAll(order(type.order), type.precision); }
  void operator()(const ObjectReferenceType&) {}
  void operator()(const RegionReferenceType&) {}
  void operator()(const AnyReferenceType&) {}
  void operator()(const ComplexType& type) { add(*type.base); }
  void operator()(const TimeType&) {}

 private:
  static std::uint64_t order(ByteOrder order) { return order == ByteOrder::big; }

  template <class... Numbers>
  void addAll(Numbers... numbers) {
    (add(std::uint64_t{numbers}), ...);
  }
  void addText(StringPadding padding, CharacterSet characterSet) {
    addAll(static_cast<std::uint64_t>(padding), static_cast<std::uint64_t>(characterSet));
  }

  std::uint64_t value_ = 0;
};

}  // namespace

std::uint64_t digestOf(const DataType& type) {
  Digest digest;
  digest.add(type);
  return digest.value();
}

}  // namespace h5cap
