#include "core/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "h5cap/error.h"

namespace h5cap {

namespace {

[[noreturn]] void cannot(const DataType& type, const std::string& to) {
  throw BadType("no conversion from " + describe(type) + " to " + to);
}

template <class To>
std::string nameOf() {
  if constexpr (std::is_same_v<To, bool>) return "boolean";
  std::string kind = std::is_floating_point_v<To> ? "float" : std::is_signed_v<To> ? "int" : "uint";
  return kind + std::to_string(8 * sizeof(To));
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
void convertOddIntegers(const IntegerType& type, std::size_t size, const std::byte* elements, std::size_t count,
                        To* target) {
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
                    To* target) {
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
  if (size == 0 || size > 8 || type.precision == 0 || type.bitOffset + type.precision > 8 * size)
    cannot(whole, nameOf<To>());
  convertOddIntegers(type, size, elements, count, target);
}

__extension__ using Bits = unsigned __int128;

Bits loadWideBits(const std::byte* at, std::size_t size, ByteOrder order) {
  Bits bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits = bits << 8 | std::to_integer<std::uint64_t>(at[order == ByteOrder::big ? i : size - 1 - i]);
  }
  return bits;
}

// Any binary float of at most 16 bytes: IEEE's, x87's and their relatives.
long double decodeFloat(const FloatType& type, Bits bits) {
  const Bits one = 1;
  Bits mantissa = bits >> type.mantissaPosition & ((one << type.mantissaSize) - 1);
  auto exponent = static_cast<std::uint64_t>(bits >> type.exponentPosition) & lowBits(type.exponentSize);
  long double value = 0;
  if (exponent == lowBits(type.exponentSize)) {
    if (type.storesLeadingBit) mantissa &= (one << (type.mantissaSize - 1)) - 1;
    value = mantissa ? std::numeric_limits<long double>::quiet_NaN() : std::numeric_limits<long double>::infinity();
  } else {
    int scale = static_cast<int>(exponent ? exponent : 1) - static_cast<int>(type.exponentBias) - type.mantissaSize;
    if (type.storesLeadingBit) {
      ++scale;
    } else if (exponent) {
      mantissa |= one << type.mantissaSize;
    }
    value = std::ldexp(static_cast<long double>(mantissa), scale);
  }
  return bits >> type.signPosition & 1 ? -value : value;
}

bool isLayout(const FloatType& type, unsigned bits, unsigned exponent, unsigned mantissa, std::uint64_t bias) {
  return type.precision == bits && type.bitOffset == 0 && type.signPosition == bits - 1 &&
         type.exponentSize == exponent && type.exponentPosition == mantissa && type.mantissaPosition == 0 &&
         type.mantissaSize == mantissa && type.exponentBias == bias;
}

bool isDecodable(const FloatType& type, std::size_t size) {
  return size > 0 && size <= sizeof(Bits) && type.mantissaSize >= 1 && type.mantissaSize <= 112 &&
         type.exponentSize >= 1 && type.exponentSize <= 15 && type.mantissaPosition < 128 &&
         type.exponentPosition < 128 && type.signPosition < 128 && type.exponentBias < 1u << 16;
}

bool isEncodable(const FloatType& type, std::size_t size) {
  return size > 0 && size <= 8 && type.mantissaSize >= 1 && type.mantissaSize <= 52 && type.exponentSize >= 1 &&
         type.exponentSize <= 11 && type.mantissaPosition < 64 && type.exponentPosition < 64 &&
         type.signPosition < 64 && type.exponentBias < 4096 && !type.storesLeadingBit;
}

template <class To>
void convertFloat(const DataType& whole, const FloatType& type, const std::byte* elements, std::size_t count,
                  To* target) {
  std::size_t size = whole.size();
  if (size == 4 && isLayout(type, 32, 8, 23, 127)) return convertPlain<float>(elements, count, type.order, target);
  if (size == 8 && isLayout(type, 64, 11, 52, 1023)) return convertPlain<double>(elements, count, type.order, target);
  if (!isDecodable(type, size)) cannot(whole, nameOf<To>());
  for (std::size_t i = 0; i < count; ++i) {
    target[i] = toNumber<To>(decodeFloat(type, loadWideBits(elements + i * size, size, type.order)));
  }
}

// Complex numbers as h5py writes them to files of before HDF5 2.0: the parts' type, nothing for other compounds.
const DataType* partOfPair(const DataType& type) {
  auto* compound = type.as<CompoundType>();
  if (compound == nullptr || compound->fields.size() != 2) return nullptr;
  const Field &real = compound->fields[0], &imaginary = compound->fields[1];
  if (real.name != "r" || imaginary.name != "i" || !real.type.as<FloatType>()) return nullptr;
  return sameElements(real.type, imaginary.type) ? &real.type : nullptr;
}

// What HDF5 2.0 takes for the same bytes as a complex number: an array of two, or a compound of two that are called as
// "real" and "imaginary" begin (its H5T__conv_complex_compat).
bool isLikeComplex(const DataType& other, const ComplexType& complex) {
  if (auto* array = other.as<ArrayType>()) {
    return other.size() == 2 * complex.base->size() && sameElements(*array->element, *complex.base);
  }
  auto* compound = other.as<CompoundType>();
  if (compound == nullptr || compound->fields.size() != 2 || other.size() != 2 * complex.base->size()) return false;
  const Field &real = compound->fields[0], &imaginary = compound->fields[1];
  const bool areNamed = std::string("real").starts_with(real.name) &&
                        std::string("imaginary").starts_with(imaginary.name);
  return areNamed && real.offset == 0 && imaginary.offset == complex.base->size() &&
         sameElements(real.type, *complex.base) && sameElements(imaginary.type, *complex.base);
}

// One field of each element, side by side.
Bytes column(const Field& field, const std::byte* elements, std::size_t count, std::size_t elementBytes) {
  const std::size_t size = field.type.size();
  Bytes found(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(found.data() + i * size, elements + i * elementBytes + field.offset, size);
  }
  return found;
}

// Complex numbers from the real parts alone, or back, by the bytes of one part: what is left out is zero.
Bytes everySecond(const Bytes& from, std::size_t size, std::size_t fromStep, std::size_t toStep) {
  const std::size_t count = from.size() / fromStep;
  Bytes to(count * toStep);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(to.data() + i * toStep, from.data() + i * fromStep, size);
  return to;
}

// Enumerations count as their integers.
const DataType& numberOf(const DataType& type) {
  auto* enumeration = type.as<EnumType>();
  return enumeration == nullptr ? type : *enumeration->base;
}

void storeBits(std::byte* at, std::size_t size, ByteOrder order, std::uint64_t bits) {
  for (std::size_t i = 0; i < size; ++i, bits >>= 8)
    at[order == ByteOrder::little ? i : size - 1 - i] = std::byte(bits);
}

// The inverse of decodeFloat, rounding to nearest.
std::uint64_t encodeFloat(const FloatType& type, double value) {
  const std::uint64_t top = lowBits(type.exponentSize);
  std::uint64_t packed = top << type.mantissaSize;  // exponent and mantissa, side by side: infinity
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) {
    packed |= std::uint64_t{1} << (type.mantissaSize - 1);
  } else if (std::isfinite(value)) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);  // of a mantissa below one
    const std::int64_t biased = std::max<std::int64_t>(exponent - 1 + static_cast<std::int64_t>(type.exponentBias), 1);
    const auto shift = static_cast<int>(type.mantissaSize + static_cast<std::int64_t>(type.exponentBias) - biased);
    // With its leading one, which a denormal number lacks; what rounds up carries into the exponent.
    if (magnitude == 0) packed = 0;
    else if (biased < static_cast<std::int64_t>(top))
      packed = (static_cast<std::uint64_t>(biased - 1) << type.mantissaSize) +
               static_cast<std::uint64_t>(std::nearbyint(std::ldexp(magnitude, shift)));
  }
  return (packed & lowBits(type.mantissaSize)) << type.mantissaPosition |
         packed >> type.mantissaSize << type.exponentPosition |
         std::uint64_t{std::signbit(value)} << type.signPosition;
}

template <class To>
void storePlain(const DataType& from, std::span<const std::byte> elements, std::size_t count, ByteOrder order,
                std::span<std::byte> target) {
  std::vector<To> numbers(count);
  toNumbers(from, elements.data(), count, numbers.data());
  if (count > 0) std::memcpy(target.data(), numbers.data(), count * sizeof(To));
  if ((order == ByteOrder::little) == (std::endian::native == std::endian::little)) return;
  for (std::size_t i = 0; i < count; ++i) std::reverse(&target[i * sizeof(To)], &target[i * sizeof(To)] + sizeof(To));
}

void storeIntegers(const DataType& from, std::span<const std::byte> elements, std::size_t count, const DataType& to,
                   const IntegerType& type, std::span<std::byte> target) {
  const std::size_t size = to.size();
  auto plain = [&](auto asSigned, auto asUnsigned) {
    if (type.isSigned) return storePlain<decltype(asSigned)>(from, elements, count, type.order, target);
    return storePlain<decltype(asUnsigned)>(from, elements, count, type.order, target);
  };
  if (type.bitOffset == 0 && type.precision == 8 * size) {
    if (size == 1) return plain(std::int8_t{}, std::uint8_t{});
    if (size == 2) return plain(std::int16_t{}, std::uint16_t{});
    if (size == 4) return plain(std::int32_t{}, std::uint32_t{});
    if (size == 8) return plain(std::int64_t{}, std::uint64_t{});
  }
  if (size == 0 || size > 8 || type.precision == 0 || type.precision > 63 || type.bitOffset + type.precision > 8 * size)
    cannot(from, describe(to));
  std::vector<std::int64_t> numbers(count);
  toNumbers(from, elements.data(), count, numbers.data());
  const auto most = static_cast<std::int64_t>(lowBits(type.precision - (type.isSigned ? 1 : 0)));
  const std::int64_t least = type.isSigned ? -most - 1 : 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto bits = static_cast<std::uint64_t>(std::clamp(numbers[i], least, most)) & lowBits(type.precision);
    storeBits(&target[i * size], size, type.order, bits << type.bitOffset);
  }
}

void storeFloats(const DataType& from, std::span<const std::byte> elements, std::size_t count, const DataType& to,
                 const FloatType& type, std::span<std::byte> target) {
  const std::size_t size = to.size();
  if (size == 4 && isLayout(type, 32, 8, 23, 127)) return storePlain<float>(from, elements, count, type.order, target);
  if (size == 8 && isLayout(type, 64, 11, 52, 1023))
    return storePlain<double>(from, elements, count, type.order, target);
  if (!isEncodable(type, size)) cannot(from, describe(to));
  std::vector<double> numbers(count);
  toNumbers(from, elements.data(), count, numbers.data());
  for (std::size_t i = 0; i < count; ++i) storeBits(&target[i * size], size, type.order, encodeFloat(type, numbers[i]));
}

// By the members' names; what has no name becomes all ones.
void convertEnumeration(const DataType& from, const EnumType& names, std::span<const std::byte> elements,
                        std::size_t count, const DataType& to, const EnumType& type, std::span<std::byte> target) {
  std::vector<std::pair<const EnumMember*, const EnumMember*>> pairs;
  for (const EnumMember& member : names.members) {
    auto same = [&](const EnumMember& other) { return other.name == member.name; };
    auto found = std::find_if(type.members.begin(), type.members.end(), same);
    if (found == type.members.end() || member.value.size() != from.size() || found->value.size() != to.size())
      cannot(from, describe(to));
    pairs.emplace_back(&member, &*found);
  }
  std::fill(target.begin(), target.end(), std::byte{0xff});
  for (std::size_t i = 0; i < count; ++i) {
    for (auto& [source, destination] : pairs) {
      if (std::memcmp(&elements[i * from.size()], source->value.data(), from.size()) != 0) continue;
      std::memcpy(&target[i * to.size()], destination->value.data(), to.size());
      break;
    }
  }
}

std::size_t textLength(const std::byte* text, std::size_t size, StringPadding padding) {
  if (padding != StringPadding::spacePadded) return strnlen(reinterpret_cast<const char*>(text), size);
  while (size > 0 && text[size - 1] == std::byte{' '}) --size;
  return size;
}

void convertStrings(const DataType& from, const FixedStringType& source, std::span<const std::byte> elements,
                    std::size_t count, const DataType& to, const FixedStringType& type, std::span<std::byte> target) {
  if (source.characterSet != type.characterSet) cannot(from, describe(to));  // as the library
  std::fill(target.begin(), target.end(), std::byte(type.padding == StringPadding::spacePadded ? ' ' : '\0'));
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* text = elements.data() + i * from.size();
    std::byte* at = target.data() + i * to.size();
    std::memcpy(at, text, std::min<std::size_t>(textLength(text, from.size(), source.padding), to.size()));
    if (type.padding == StringPadding::nullTerminated) at[to.size() - 1] = std::byte{0};
  }
}

}  // namespace

template <class To>
void toNumbers(const DataType& type, const std::byte* elements, std::size_t count, To* target) {
  const DataType& number = numberOf(type);
  if (auto* integer = number.as<IntegerType>()) return convertInteger(number, *integer, elements, count, target);
  if (auto* real = number.as<FloatType>()) return convertFloat(number, *real, elements, count, target);
  cannot(type, nameOf<To>());
}

template void toNumbers(const DataType&, const std::byte*, std::size_t, std::int8_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::uint8_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::int16_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::uint16_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::int32_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::uint32_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::int64_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, std::uint64_t*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, float*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, double*);
template void toNumbers(const DataType&, const std::byte*, std::size_t, bool*);

template <class Part>
void toComplex(const DataType& type, const std::byte* elements, std::size_t count, std::complex<Part>* target) {
  static_assert(sizeof(std::complex<Part>) == 2 * sizeof(Part));
  if (auto* complex = type.as<ComplexType>()) {
    return toNumbers(*complex->base, elements, 2 * count, reinterpret_cast<Part*>(target));
  }
  std::vector<Part> real(count), imaginary(count);
  if (const DataType* part = partOfPair(type)) {
    const auto& fields = type.as<CompoundType>()->fields;
    toNumbers(*part, column(fields[0], elements, count, type.size()).data(), count, real.data());
    toNumbers(*part, column(fields[1], elements, count, type.size()).data(), count, imaginary.data());
  } else if (const DataType& number = numberOf(type); number.as<IntegerType>() || number.as<FloatType>()) {
    toNumbers(type, elements, count, real.data());
  } else {
    cannot(type, "complex" + std::to_string(16 * sizeof(Part)));
  }
  for (std::size_t i = 0; i < count; ++i) target[i] = {real[i], imaginary[i]};
}

template void toComplex(const DataType&, const std::byte*, std::size_t, std::complex<float>*);
template void toComplex(const DataType&, const std::byte*, std::size_t, std::complex<double>*);

bool sameElements(const DataType& a, const DataType& b) {
  return DataType(a.size(), a.klass()) == DataType(b.size(), b.klass());
}

Bytes convertElements(const DataType& from, Bytes elements, const DataType& to) {
  if (sameElements(from, to)) return elements;
  if (from.size() == 0 || to.size() == 0 || from.hasVariable() || to.hasVariable()) cannot(from, describe(to));
  auto *source = from.as<ComplexType>(), *complex = to.as<ComplexType>();
  if (source != nullptr && complex != nullptr) {
    return convertElements(*source->base, std::move(elements), *complex->base);
  }
  if (source != nullptr && isLikeComplex(to, *source)) return elements;
  if (complex != nullptr && isLikeComplex(from, *complex)) return elements;
  if (source != nullptr) {
    const std::size_t part = source->base->size();
    return convertElements(*source->base, everySecond(elements, part, 2 * part, part), to);
  }
  if (complex != nullptr) {
    const std::size_t part = complex->base->size();
    return everySecond(convertElements(from, std::move(elements), *complex->base), part, part, 2 * part);
  }
  const std::size_t count = elements.size() / from.size();
  Bytes target(count * to.size());
  auto *fromEnum = from.as<EnumType>(), *toEnum = to.as<EnumType>();
  auto *fromText = from.as<FixedStringType>(), *toText = to.as<FixedStringType>();
  if (fromEnum != nullptr && toEnum != nullptr) {
    convertEnumeration(from, *fromEnum, elements, count, to, *toEnum, target);
  } else if (fromText != nullptr && toText != nullptr) {
    convertStrings(from, *fromText, elements, count, to, *toText, target);
  } else if (auto* integer = to.as<IntegerType>()) {
    storeIntegers(from, elements, count, to, *integer, target);
  } else if (auto* real = to.as<FloatType>()) {
    storeFloats(from, elements, count, to, *real, target);
  } else {
    cannot(from, describe(to));
  }
  return target;
}

}  // namespace h5cap
