// The type of one element, as HDF5 classifies it, with the packed layout that travels: see capnp/h5cap/types.capnp for
// the place and heap of variable-length data.  Values: copying is cheap (nested types are shared), comparing is deep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace h5cap {

enum class ByteOrder { little, big };
enum class CharacterSet { ascii, utf8 };
enum class StringPadding { nullTerminated, nullPadded, spacePadded };

class DataType;
using SharedType = std::shared_ptr<const DataType>;  // never null

struct IntegerType {
  bool isSigned = false;
  ByteOrder order = ByteOrder::little;
  std::uint16_t precision = 0;  // bits
  std::uint16_t bitOffset = 0;
};

struct FloatType {
  ByteOrder order = ByteOrder::little;
  std::uint16_t precision = 0, bitOffset = 0;
  std::uint16_t exponentPosition = 0, exponentSize = 0, mantissaPosition = 0, mantissaSize = 0, signPosition = 0;
  std::uint64_t exponentBias = 0;
  bool storesLeadingBit = false;  // in the mantissa, as x87's 80-bit floats do; IEEE's imply it
};

struct FixedStringType {
  StringPadding padding = StringPadding::nullTerminated;
  CharacterSet characterSet = CharacterSet::ascii;
};

struct VariableStringType {
  StringPadding padding = StringPadding::nullTerminated;
  CharacterSet characterSet = CharacterSet::ascii;
};

struct EnumMember {
  std::string name;
  std::vector<std::byte> value;  // one packed element of the base type
};

struct EnumType {
  SharedType base;
  std::vector<EnumMember> members;
};

struct Field;

struct CompoundType {
  std::vector<Field> fields;
};

struct ArrayType {
  SharedType element;
  std::vector<std::uint32_t> dimensions;
};

struct SequenceType {
  SharedType base;
};

struct OpaqueType {
  std::string tag;
};

struct BitfieldType {
  ByteOrder order = ByteOrder::little;
  std::uint16_t precision = 0;
};

struct ObjectReferenceType {};
struct RegionReferenceType {};

// HDF5 1.12's H5T_STD_REF: to an object, a region or an attribute, which each element says for itself.
struct AnyReferenceType {};

struct ComplexType {
  SharedType base;
};

struct TimeType {};

// A class that this server does not serve, by HDF5's name.
struct UnsupportedType {
  std::string name;
};

class DataType {
 public:
  using Class = std::variant<UnsupportedType, IntegerType, FloatType, FixedStringType, VariableStringType, EnumType,
                             CompoundType, ArrayType, SequenceType, OpaqueType, BitfieldType, ObjectReferenceType,
                             RegionReferenceType, ComplexType, TimeType, AnyReferenceType>;

  DataType() = default;
  DataType(std::uint32_t size, Class klass, std::uint64_t namedTypeId = 0);

  std::uint32_t size() const { return size_; }  // bytes of one packed element
  const Class& klass() const { return class_; }
  std::uint64_t namedTypeId() const { return namedTypeId_; }  // zero unless committed

  template <class T>
  const T* as() const {
    return std::get_if<T>(&class_);
  }

  // Whether packed elements hold places of variable-length data (strings, sequences or references of any kind, at any
  // depth).
  bool hasVariable() const;

  // Why elements of this type cannot be served, naming the class; empty when they can.
  std::string unsupportedReason() const;

  // Whether this is h5py's boolean: an enumeration {FALSE: 0, TRUE: 1} over an 8-bit integer.
  bool isBoolean() const;

  friend bool operator==(const DataType& a, const DataType& b);
  friend bool operator!=(const DataType& a, const DataType& b) { return !(a == b); }

 private:
  Class class_;
  std::uint32_t size_ = 0;
  std::uint64_t namedTypeId_ = 0;
};

struct Field {
  std::string name;
  std::uint32_t offset = 0;  // bytes from the start of the packed compound
  DataType type;
};

// Here, where fields are complete: clang insists.
inline DataType::DataType(std::uint32_t size, Class klass, std::uint64_t namedTypeId)
    : class_(std::move(klass)), size_(size), namedTypeId_(namedTypeId) {}

// "int16 little-endian", "compound {x: float64, …}": for people.
std::string describe(const DataType& type);

}  // namespace h5cap
