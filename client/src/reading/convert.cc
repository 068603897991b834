// Conversion of packed elements to native ones, by HDF5's rules.
#include <complex>
#include <cstring>

#include "core/convert.h"
#include "core/heap.h"
#include "h5cap/array.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

template <class To>
void convertNumbers(const DataType& type, const std::byte* elements, std::size_t count, void* target) {
  toNumbers(type, elements, count, static_cast<To*>(target));
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
  if (fixed == nullptr && !type.as<VariableStringType>())
    throw BadType("no conversion from " + describe(type) + " to string");
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* at = elements + i * type.size();
    if (fixed) {
      target[i] = fixedString(reinterpret_cast<const char*>(at), type.size(), fixed->padding);
    } else {
      auto text = dataOf(readPlace(at), 1, heap);
      target[i].assign(reinterpret_cast<const char*>(text.data()), text.size());
    }
  }
}

}  // namespace

void convert(const DataType& type, const std::byte* elements, std::size_t count, const Bytes& heap, NativeType to,
             void* target) {
  switch (to) {
    case NativeType::int8: return convertNumbers<std::int8_t>(type, elements, count, target);
    case NativeType::uint8: return convertNumbers<std::uint8_t>(type, elements, count, target);
    case NativeType::int16: return convertNumbers<std::int16_t>(type, elements, count, target);
    case NativeType::uint16: return convertNumbers<std::uint16_t>(type, elements, count, target);
    case NativeType::int32: return convertNumbers<std::int32_t>(type, elements, count, target);
    case NativeType::uint32: return convertNumbers<std::uint32_t>(type, elements, count, target);
    case NativeType::int64: return convertNumbers<std::int64_t>(type, elements, count, target);
    case NativeType::uint64: return convertNumbers<std::uint64_t>(type, elements, count, target);
    case NativeType::float32: return convertNumbers<float>(type, elements, count, target);
    case NativeType::float64: return convertNumbers<double>(type, elements, count, target);
    case NativeType::boolean: return convertNumbers<bool>(type, elements, count, target);
    case NativeType::complex64: return toComplex(type, elements, count, static_cast<std::complex<float>*>(target));
    case NativeType::complex128: return toComplex(type, elements, count, static_cast<std::complex<double>*>(target));
    case NativeType::string: return convertStrings(type, elements, count, heap, static_cast<std::string*>(target));
  }
  throw BadType("an unknown native type");
}

}  // namespace h5cap
