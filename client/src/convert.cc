// Conversion of packed elements to native ones, by HDF5's rules.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "h5cap/array.h"
#include "h5cap/error.h"
#include "heap.h"

namespace h5cap {

namespace {

constexpr const char* NATIVE_NAMES[] = {"int8",   "uint8",  "int16",   "uint16",  "int32",   "uint32",
                                        "int64",  "uint64", "float32", "float64", "boolean", "string"};

[[noreturn]] void cannot(const DataType& type, NativeType to) {
  throw BadType("no conversion from " + describe(type) + " to " + NATIVE_NAMES[static_cast<int>(to)]);
}

// Saturates, truncates towards zero; NaN becomes zero.
template <class To, class From>
To toNumber(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(value)) return 0;
    // The largest 64-bit integers round up to a power of two, which is beyond them.
    if (value >= static_cast<From>(Limits::max())) return Limits::max();
    if (value <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(value);
  } else {
    using Limits = std::numeric_limits<To>;
    if (std::cmp_less(value, Limits::min())) return Limits::min();
    if (std::cmp_greater(value, Limits::max())) return Limits::max();
    return static_cast<To>(value);
  }
}

std::uint64_t loadBits(const std::byte* at, std::size_t size, ByteOrder order) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits = bits << 8 | std::to_integer<std::uint64_t>(at[order == ByteOrder::big ? i : size - 1 - i]);
  }
  return bits;
}

std::uint64_t lowBits(unsigned count) { return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1; }

// Elements that are what a machine has, but for their byte order.
template <class From, class To>
void convertPlain(const std::byte* elements, std::size_t count, ByteOrder order, To* target) {
  bool isNative = (order == ByteOrder::little) == (std::endian::native == std::endian::little);
  if constexpr (std::is_same_v<From, To>) {
    if (isNative && count > 0) {
      std::memcpy(target, elements, count * sizeof(To));
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::byte bytes[sizeof(From)];
    std::memcpy(bytes, elements + i * sizeof(From), sizeof(From));
    if (!isNative) {
      for (std::size_t k = 0; k < sizeof(From) / 2; ++k) std::swap(bytes[k], bytes[sizeof(From) - 1 - k]);
    }
    std::memcpy(&value, bytes, sizeof(From));
    target[i] = toNumber<To>(value);
  }
}

// Integers with fewer bits than their bytes have.
template <class To>
void convertOddIntegers(const IntegerType& type, std::size_t size, const std::byte* elements, std::size_t count, To* target) {
  std::uint64_t mask = lowBits(type.precision);
  std::uint64_t sign = type.isSigned ? std::uint64_t{1} << (type.precision - 1) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = loadBits(elements + i * size, size, type.order) >> type.bitOffset & mask;
    if (type.isSigned) {
      target[i] = toNumber<To>(static_cast<std::int64_t>((bits ^ sign) - sign));
    } else {
      target[i] = toNumber<To>(bits);
    }
  }
}

template <class To>
void convertInteger(const DataType& whole, const IntegerType& type, const std::byte* elements, std::size_t count,
                    NativeType to, To* target) {
  std::size_t size = whole.size();
  bool isPlain = type.bitOffset == 0 && type.precision == 8 * size;
  auto plain = [&](auto asSigned, auto asUnsigned) {
    if (type.isSigned) return convertPlain<decltype(asSigned)>(elements, count, type.order, target);
    return convertPlain<decltype(asUnsigned)>(elements, count, type.order, target);
  };
  if (isPlain && size == 1) return plain(std::int8_t{}, std::uint8_t{});
  if (isPlain && size == 2) return plain(std::int16_t{}, std::uint16_t{});
  if (isPlain && size == 4) return plain(std::int32_t{}, std::uint32_t{});
  if (isPlain && size == 8) return plain(std::int64_t{}, std::uint64_t{});
  if (size == 0 || size > 8 || type.precision == 0 || type.bitOffset + type.precision > 8 * size) cannot(whole, to);
  convertOddIntegers(type, size, elements, count, target);
}

// Any binary float of at most 64 bits with an implied leading one: IEEE's and its relatives.
double decodeFloat(const FloatType& type, std::uint64_t bits) {
  std::uint64_t mantissa = bits >> type.mantissaPosition & lowBits(type.mantissaSize);
  std::uint64_t exponent = bits >> type.exponentPosition & lowBits(type.exponentSize);
  double value = 0;
  if (exponent == lowBits(type.exponentSize)) {
    value = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else {
    int scale = static_cast<int>(exponent ? exponent : 1) - static_cast<int>(type.exponentBias) - type.mantissaSize;
    if (exponent) mantissa |= std::uint64_t{1} << type.mantissaSize;
    value = std::ldexp(static_cast<double>(mantissa), scale);
  }
  return bits >> type.signPosition & 1 ? -value : value;
}

bool isLayout(const FloatType& type, unsigned bits, unsigned exponent, unsigned mantissa, std::uint64_t bias) {
  return type.precision == bits && type.bitOffset == 0 && type.signPosition == bits - 1 && type.exponentSize == exponent &&
         type.exponentPosition == mantissa && type.mantissaPosition == 0 && type.mantissaSize == mantissa &&
         type.exponentBias == bias;
}

template <class To>
void convertFloat(const DataType& whole, const FloatType& type, const std::byte* elements, std::size_t count, NativeType to,
                  To* target) {
  std::size_t size = whole.size();
  if (size == 4 && isLayout(type, 32, 8, 23, 127)) return convertPlain<float>(elements, count, type.order, target);
  if (size == 8 && isLayout(type, 64, 11, 52, 1023)) return convertPlain<double>(elements, count, type.order, target);
  bool isDecodable = size > 0 && size <= 8 && type.mantissaSize <= 52 && type.exponentSize >= 1 && type.exponentSize <= 11 &&
                     type.mantissaPosition < 64 && type.exponentPosition < 64 && type.signPosition < 64 &&
                     type.exponentBias < 4096;
  if (!isDecodable) cannot(whole, to);
  for (std::size_t i = 0; i < count; ++i) {
    target[i] = toNumber<To>(decodeFloat(type, loadBits(elements + i * size, size, type.order)));
  }
}

template <class To>
void convertNumbers(const DataType& type, const std::byte* elements, std::size_t count, NativeType to, void* target) {
  auto* typed = static_cast<To*>(target);
  const DataType* base = &type;
  if (auto* enumeration = type.as<EnumType>()) base = enumeration->base.get();
  if (auto* integer = base->as<IntegerType>()) return convertInteger(*base, *integer, elements, count, to, typed);
  if (auto* real = base->as<FloatType>()) return convertFloat(*base, *real, elements, count, to, typed);
  cannot(type, to);
}

std::string fixedString(const char* text, std::size_t size, StringPadding padding) {
  std::size_t length = size;
  switch (padding) {
    case StringPadding::nullTerminated: length = strnlen(text, size); break;
    case StringPadding::nullPadded:
      while (length > 0 && text[length - 1] == '\0') --length;
      break;
    case StringPadding::spacePadded:
      while (length > 0 && text[length - 1] == ' ') --length;
      break;
  }
  return std::string(text, length);
}

void convertStrings(const DataType& type, const std::byte* elements, std::size_t count, const Bytes& heap,
                    std::string* target) {
  auto* fixed = type.as<FixedStringType>();
  if (fixed == nullptr && !type.as<VariableStringType>()) cannot(type, NativeType::string);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* at = elements + i * type.size();
    if (fixed) {
      target[i] = fixedString(reinterpret_cast<const char*>(at), type.size(), fixed->padding);
    } else {
      auto text = detail::resolvePlace(detail::readPlace(at), 1, heap);
      target[i].assign(reinterpret_cast<const char*>(text.data()), text.size());
    }
  }
}

}  // namespace

void convert(const DataType& type, const std::byte* elements, std::size_t count, const Bytes& heap, NativeType to,
             void* target) {
  switch (to) {
    case NativeType::int8: return convertNumbers<std::int8_t>(type, elements, count, to, target);
    case NativeType::uint8: return convertNumbers<std::uint8_t>(type, elements, count, to, target);
    case NativeType::int16: return convertNumbers<std::int16_t>(type, elements, count, to, target);
    case NativeType::uint16: return convertNumbers<std::uint16_t>(type, elements, count, to, target);
    case NativeType::int32: return convertNumbers<std::int32_t>(type, elements, count, to, target);
    case NativeType::uint32: return convertNumbers<std::uint32_t>(type, elements, count, to, target);
    case NativeType::int64: return convertNumbers<std::int64_t>(type, elements, count, to, target);
    case NativeType::uint64: return convertNumbers<std::uint64_t>(type, elements, count, to, target);
    case NativeType::float32: return convertNumbers<float>(type, elements, count, to, target);
    case NativeType::float64: return convertNumbers<double>(type, elements, count, to, target);
    case NativeType::boolean: return convertNumbers<bool>(type, elements, count, to, target);
    case NativeType::string: return convertStrings(type, elements, count, heap, static_cast<std::string*>(target));
  }
  throw BadType("an unknown native type");
}

}  // namespace h5cap
