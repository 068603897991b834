#include "npy.h"

#include <fmt/format.h>

namespace h5cap::cli {
namespace {

[[noreturn]] void refuse(const DataType& type) {
  throw BadType(fmt::format("{} does not fit a .npy file; write text or .csv", describe(type)));
}

char orderMark(ByteOrder order, std::uint32_t size) { return size == 1 ? '|' : order == ByteOrder::little ? '<' : '>'; }

std::string quoted(const std::string& name) {
  std::string out = "'";
  for (char c : name) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string integerCode(const DataType& type, const IntegerType& integer) {
  std::uint32_t size = type.size();
  bool isPlain = (size == 1 || size == 2 || size == 4 || size == 8) && integer.precision == size * 8;
  if (!isPlain) refuse(type);
  return fmt::format("'{}{}{}'", orderMark(integer.order, size), integer.isSigned ? 'i' : 'u', size);
}

std::string floatCode(const DataType& type, const FloatType& real) {
  std::uint32_t size = type.size();
  bool isPlain = (size == 2 && real.exponentSize == 5) || (size == 4 && real.exponentSize == 8) ||
                 (size == 8 && real.exponentSize == 11);
  if (!isPlain) refuse(type);
  return fmt::format("'{}f{}'", orderMark(real.order, size), size);
}

std::string elementCode(const DataType& type);

std::string fieldCode(const Field& field) {
  auto array = field.type.as<ArrayType>();
  if (!array) return fmt::format("({}, {})", quoted(field.name), elementCode(field.type));
  return fmt::format("({}, {}, ({},))", quoted(field.name), elementCode(*array->element),
                     fmt::join(array->dimensions, ","));
}

std::string compoundCode(const DataType& type, const CompoundType& compound) {
  std::string out = "[";
  std::uint32_t end = 0;
  auto pad = [&](std::uint32_t to) {
    if (to < end) refuse(type);
    if (to > end) out += fmt::format("('', '|V{}'), ", to - end);
  };
  for (const Field& field : compound.fields) {
    pad(field.offset);
    out += fieldCode(field) + ", ";
    end = field.offset + field.type.size();
  }
  pad(type.size());
  return out + "]";
}

std::string elementCode(const DataType& type) {
  if (auto integer = type.as<IntegerType>()) return integerCode(type, *integer);
  if (auto real = type.as<FloatType>()) return floatCode(type, *real);
  if (type.isBoolean()) return "'|b1'";
  if (auto enumeration = type.as<EnumType>()) return elementCode(*enumeration->base);
  if (type.as<FixedStringType>()) return fmt::format("'|S{}'", type.size());
  if (type.as<OpaqueType>()) return fmt::format("'|V{}'", type.size());
  if (auto compound = type.as<CompoundType>()) return compoundCode(type, *compound);
  refuse(type);
}

}  // namespace

std::string npyHeader(const DataType& type, const Shape& shape) {
  constexpr std::size_t ALIGNMENT = 64;
  constexpr std::size_t PREAMBLE = 12;  // magic, version 3.0 (UTF-8 names), length
  const DataType* element = &type;
  Shape whole = shape;
  while (auto array = element->as<ArrayType>()) {
    whole.insert(whole.end(), array->dimensions.begin(), array->dimensions.end());
    element = array->element.get();
  }
  std::string text = fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': ({}{}), }}", elementCode(*element),
                                 fmt::join(whole, ", "), whole.size() == 1 ? "," : "");
  text.append(ALIGNMENT - 1 - (PREAMBLE + text.size()) % ALIGNMENT, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x03\x00", 8);
  for (unsigned shift = 0; shift < 32; shift += 8) header += static_cast<char>(text.size() >> shift & 0xff);
  return header + text;
}

}  // namespace h5cap::cli
