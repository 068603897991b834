#include "core/convert-source.h"

#include <algorithm>
#include <cstring>

#include "core/convert.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

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

bool isSame(const DataType& from, const DataType& to) {
  return sameElements(from, to) || (from.as<VariableStringType>() && to.as<VariableStringType>());
}

class SourceConversion {
 public:
  SourceConversion(std::span<const std::byte> source, std::uint64_t maxHeapBytes)
      : source_(source), heap_(maxHeapBytes) {}

  Bytes convert(const DataType& from, Bytes elements, const DataType& to) {
    if (isSame(from, to)) {
      heap_.append(from, elements, source_);
      return elements;
    }
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

  Bytes takeHeap() { return heap_.take(); }

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

  // All of them at once, and each piece once, however many places lead to it.
  Bytes sequences(const DataType& from, const Bytes& elements, const DataType& to) {
    std::vector<HeapPlace> pieces;
    for (std::size_t at = 0; at < elements.size(); at += PLACE_BYTES) {
      if (const HeapPlace place = readPlace(&elements[at]); place.count != 0) pieces.push_back(place);
    }
    std::sort(pieces.begin(), pieces.end());
    pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
    std::uint64_t bytes = 0;
    for (const HeapPlace& piece : pieces) {
      bytes += dataOf(piece, from.size(), source_).size();
      if (bytes > source_.size() - convertedBytes_) throw FileError("variable-length data that overlaps itself");
    }
    convertedBytes_ += bytes;
    Bytes base;
    base.reserve(bytes);
    for (const HeapPlace& piece : pieces) {
      auto data = dataOf(piece, from.size(), source_);
      base.insert(base.end(), data.begin(), data.end());
    }
    base = convert(from, std::move(base), to);  // refuses also when all of them are empty
    std::vector<HeapPlace> converted;
    for (auto offset = heap_.add(base, base.size()).offset; const HeapPlace& piece : pieces) {
      converted.push_back({offset, piece.count});
      offset += piece.count * to.size();
    }
    Bytes result(elements.size());
    for (std::size_t at = 0; at < elements.size(); at += PLACE_BYTES) {
      const HeapPlace place = readPlace(&elements[at]);
      if (place.count == 0) continue;
      auto found = std::lower_bound(pieces.begin(), pieces.end(), place);
      writePlace(converted[static_cast<std::size_t>(found - pieces.begin())], &result[at]);
    }
    return result;
  }

  Bytes strings(StringPadding padding, std::size_t size, const Bytes& elements) {
    const std::size_t count = size == 0 ? 0 : elements.size() / size;
    Bytes result(count * PLACE_BYTES);
    for (std::size_t i = 0; i < count; ++i) {
      std::span text(elements.data() + i * size, size);
      text = text.first(lengthOf(text.data(), size, padding));
      writePlace(heap_.add(text, text.size()), result.data() + i * PLACE_BYTES);
    }
    return result;
  }

  std::span<const std::byte> source_;
  std::uint64_t convertedBytes_ = 0;  // of sequences: more than there are only where these overlap
  Heap heap_;
};

}  // namespace

PackedData convertSource(const DataType& from, PackedData data, const DataType& to, std::uint64_t maxHeapBytes) {
  if (isSame(from, to)) return data;
  SourceConversion conversion(data.heap, maxHeapBytes);
  Bytes elements = conversion.convert(from, std::move(data.elements), to);
  return {std::move(elements), conversion.takeHeap()};
}

}  // namespace h5cap
