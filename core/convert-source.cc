#include "core/convert-source.h"

#include <algorithm>
#include <cstring>

#include "core/convert.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::size_t PLACE_BYTES = 16;

struct HeapPlace {
  std::uint64_t offset = 0, count = 0;
};

// Places are little-endian, as this machine is.
HeapPlace readPlace(const std::byte* from) {
  HeapPlace place;
  std::memcpy(&place.offset, from, sizeof place.offset);
  std::memcpy(&place.count, from + sizeof place.offset, sizeof place.count);
  return place;
}

void writePlace(HeapPlace place, std::byte* to) {
  if (place.count == 0) place.offset = 0;
  std::memcpy(to, &place.offset, sizeof place.offset);
  std::memcpy(to + sizeof place.offset, &place.count, sizeof place.count);
}

bool isNumber(const DataType& type) {
  return type.as<IntegerType>() || type.as<FloatType>() || type.as<EnumType>() || type.as<BitfieldType>() ||
         type.as<ComplexType>();
}

bool isString(const DataType& type) { return type.as<FixedStringType>() || type.as<VariableStringType>(); }

CharacterSet characterSetOf(const DataType& type) {
  if (auto* fixed = type.as<FixedStringType>()) return fixed->characterSet;
  return type.as<VariableStringType>()->characterSet;
}

std::size_t lengthOf(const std::byte* text, std::size_t size, StringPadding padding) {
  if (padding == StringPadding::nullTerminated) return std::find(text, text + size, std::byte{0}) - text;
  const auto pad = padding == StringPadding::spacePadded ? std::byte{' '} : std::byte{0};
  while (size > 0 && text[size - 1] == pad) --size;
  return size;
}

// New data is appended to the heap, so places that are not converted stay what they are.
class SourceConversion {
 public:
  explicit SourceConversion(Bytes heap) : heap_(std::move(heap)) {}

  Bytes convert(const DataType& from, Bytes elements, const DataType& to) {
    if (sameElements(from, to) || (from.as<VariableStringType>() && to.as<VariableStringType>())) return elements;
    if (auto *a = from.as<CompoundType>(), *b = to.as<CompoundType>(); a && b) {
      return fields(*a, from.size(), elements, *b, to.size());
    }
    if (auto *a = from.as<ArrayType>(), *b = to.as<ArrayType>(); a && b && a->dimensions == b->dimensions) {
      return convert(*a->element, std::move(elements), *b->element);
    }
    if (auto* a = from.as<SequenceType>(), *b = to.as<SequenceType>(); a && b)
      return sequences(*a->base, elements, *b->base);
    if (auto* a = from.as<EnumType>(), *b = to.as<EnumType>(); a && b)
      return convert(*a->base, std::move(elements), *b->base);
    if (auto* a = from.as<FixedStringType>();
        a && to.as<VariableStringType>() && characterSetOf(to) == a->characterSet) {
      return strings(a->padding, from.size(), elements);
    }
    return simple(from, std::move(elements), to);
  }

  Bytes takeHeap() { return std::move(heap_); }

 private:
  Bytes simple(const DataType& from, Bytes elements, const DataType& to) {
    try {
      return convertElements(from, std::move(elements), to);
    } catch (const BadType& problem) {
      const bool converts = (isNumber(from) && isNumber(to)) ||
                            (isString(from) && isString(to) && characterSetOf(from) == characterSetOf(to));
      if (converts) throw Unimplemented(problem.what());
      throw;
    }
  }

  Bytes fields(const CompoundType& from, std::size_t fromSize, const Bytes& elements, const CompoundType& to,
               std::size_t toSize) {
    const std::size_t count = fromSize == 0 ? 0 : elements.size() / fromSize;
    Bytes result(count * toSize);
    for (const Field& target : to.fields) {
      auto source = std::find_if(from.fields.begin(), from.fields.end(),
                                 [&](const Field& field) { return field.name == target.name; });
      if (source == from.fields.end()) continue;
      const std::size_t size = source->type.size();
      Bytes column(count * size);
      for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(column.data() + i * size, elements.data() + i * fromSize + source->offset, size);
      }
      column = convert(source->type, std::move(column), target.type);
      for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(result.data() + i * toSize + target.offset, column.data() + i * target.type.size(),
                    target.type.size());
      }
    }
    return result;
  }

  Bytes sequences(const DataType& from, const Bytes& elements, const DataType& to) {
    convert(from, {}, to);  // refuses also when all of them are empty
    Bytes result(elements.size());
    for (std::size_t at = 0; at + PLACE_BYTES <= elements.size(); at += PLACE_BYTES) {
      HeapPlace place = readPlace(elements.data() + at);
      if (place.count == 0) continue;
      std::uint64_t bytes = 0;
      if (__builtin_mul_overflow(place.count, std::uint64_t{from.size()}, &bytes) || place.offset > heap_.size() ||
          bytes > heap_.size() - place.offset) {
        throw FileError("variable-length data lies outside of its heap");
      }
      auto begin = heap_.begin() + static_cast<std::ptrdiff_t>(place.offset);
      append(convert(from, Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)), to), place.count,
             result.data() + at);
    }
    return result;
  }

  Bytes strings(StringPadding padding, std::size_t size, const Bytes& elements) {
    const std::size_t count = size == 0 ? 0 : elements.size() / size;
    Bytes result(count * PLACE_BYTES);
    for (std::size_t i = 0; i < count; ++i) {
      auto* text = elements.data() + i * size;
      auto length = lengthOf(text, size, padding);
      append(Bytes(text, text + length), length, result.data() + i * PLACE_BYTES);
    }
    return result;
  }

  void append(const Bytes& data, std::uint64_t count, std::byte* place) {
    writePlace({heap_.size(), count}, place);
    heap_.insert(heap_.end(), data.begin(), data.end());
  }

  Bytes heap_;
};

}  // namespace

PackedData convertSource(const DataType& from, PackedData data, const DataType& to) {
  SourceConversion conversion(std::move(data.heap));
  Bytes elements = conversion.convert(from, std::move(data.elements), to);
  return {std::move(elements), conversion.takeHeap()};
}

}  // namespace h5cap
