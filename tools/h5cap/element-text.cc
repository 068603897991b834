#include "element-text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "h5cap/place.h"
#include "h5cap/printable.h"

namespace h5cap::cli {
namespace {

constexpr std::size_t SPILLED_BYTES = 1 << 16;

std::uint64_t loadBits(const std::byte* from, std::size_t size, ByteOrder order) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    std::size_t at = order == ByteOrder::little ? size - 1 - i : i;
    value = value << 8 | std::to_integer<std::uint64_t>(from[at]);
  }
  return value;
}

std::uint64_t lowBits(std::uint64_t value, unsigned offset, unsigned count) {
  value = offset < 64 ? value >> offset : 0;
  return count < 64 ? value & ((std::uint64_t{1} << count) - 1) : value;
}

void appendHex(std::string& out, const std::byte* element, std::size_t size) {
  out += "0x";
  for (std::size_t i = 0; i < size; ++i)
    fmt::format_to(std::back_inserter(out), "{:02x}", std::to_integer<int>(element[i]));
}

void appendInteger(std::string& out, const IntegerType& type, const std::byte* element, std::size_t size) {
  if (size > 8) return appendHex(out, element, size);
  std::uint64_t bits = lowBits(loadBits(element, size, type.order), type.bitOffset, type.precision);
  bool isNegative = type.isSigned && type.precision > 0 && (bits >> (type.precision - 1) & 1);
  if (isNegative && type.precision < 64) bits |= ~std::uint64_t{0} << type.precision;
  if (type.isSigned) {
    out += std::to_string(static_cast<std::int64_t>(bits));
  } else {
    out += std::to_string(bits);
  }
}

float halfToFloat(std::uint16_t bits) {
  int exponent = bits >> 10 & 31;
  float fraction = static_cast<float>(bits & 1023);
  float value = exponent == 0    ? std::ldexp(fraction, -24)
                : exponent == 31 ? (bits & 1023 ? NAN : INFINITY)
                                 : std::ldexp(fraction + 1024, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

void appendFloat(std::string& out, const FloatType& type, const std::byte* element, std::size_t size) {
  if (size != 2 && size != 4 && size != 8) return appendHex(out, element, size);
  std::uint64_t bits = loadBits(element, size, type.order);
  if (size == 8 && type.exponentSize == 11) {
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else if (size == 4 && type.exponentSize == 8) {
    auto narrow = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &narrow, sizeof(value));
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else if (size == 2 && type.exponentSize == 5) {
    fmt::format_to(std::back_inserter(out), "{}", halfToFloat(static_cast<std::uint16_t>(bits)));
  } else {
    appendHex(out, element, size);
  }
}

struct Stretch {
  const std::byte* data;
  std::uint64_t count;
};

// What a place leads to.  The heap came over the network: a place beyond it is an error, not a read.
Stretch stretch(const std::byte* element, std::size_t baseSize, const Bytes& heap) {
  const HeapPlace place = readPlace(element);
  return {placeData(place, baseSize, heap.data(), heap.size()), place.count};
}

void appendList(std::string& out, const DataType& type, const std::byte* from, std::uint64_t count, const Bytes& heap,
                const Spill& spill) {
  out += '[';
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i) out += ", ";
    appendElement(out, type, from + i * type.size(), heap, spill);
    if (spill && out.size() > SPILLED_BYTES) spill(out);
  }
  out += ']';
}

void appendEnum(std::string& out, const EnumType& type, const DataType& whole, const std::byte* element,
                const Bytes& heap) {
  if (whole.isBoolean()) {
    out += std::to_integer<int>(element[0]) ? "True" : "False";
    return;
  }
  for (const EnumMember& member : type.members) {
    if (member.value.size() == whole.size() && std::equal(member.value.begin(), member.value.end(), element)) {
      out += printable(member.name);
      return;
    }
  }
  appendElement(out, *type.base, element, heap);
}

void appendCompound(std::string& out, const CompoundType& type, const std::byte* element, const Bytes& heap,
                    const Spill& spill) {
  out += '{';
  for (std::size_t i = 0; i < type.fields.size(); ++i) {
    const Field& field = type.fields[i];
    if (i) out += ", ";
    out += printable(field.name) + ": ";
    appendElement(out, field.type, element + field.offset, heap, spill);
  }
  out += '}';
}

void appendComplex(std::string& out, const DataType& part, const std::byte* element, const Bytes& heap) {
  std::string imaginary;
  appendElement(imaginary, part, element + part.size(), heap);
  appendElement(out, part, element, heap);
  if (!imaginary.starts_with('-')) out += '+';
  out += imaginary + 'j';
}

// What a token says of itself (capnp/h5cap/types.capnp).
std::string referenceText(const std::byte* token, std::uint64_t count) {
  constexpr std::uint64_t KIND_BYTES = 4, NAME_AT = 8;
  if (count < NAME_AT) return "null reference";
  const auto kind = std::to_integer<unsigned>(token[0]);
  if (kind != 3) return kind == 2 ? "region reference" : "object reference";
  std::uint64_t size = 0;
  for (std::uint64_t i = NAME_AT; i > KIND_BYTES; --i) size = size << 8 | std::to_integer<std::uint64_t>(token[i - 1]);
  std::string_view name(reinterpret_cast<const char*>(token + NAME_AT), std::min(size, count - NAME_AT));
  return "attribute reference " + printable(name);
}

}  // namespace

std::optional<std::string_view> stringElement(const DataType& type, const std::byte* element, const Bytes& heap) {
  if (type.as<VariableStringType>()) {
    Stretch text = stretch(element, 1, heap);
    return std::string_view(reinterpret_cast<const char*>(text.data), text.count);
  }
  auto fixed = type.as<FixedStringType>();
  if (!fixed) return std::nullopt;
  std::string_view text(reinterpret_cast<const char*>(element), type.size());
  if (fixed->padding == StringPadding::nullTerminated) return text.substr(0, text.find('\0'));
  char pad = fixed->padding == StringPadding::spacePadded ? ' ' : '\0';
  std::size_t last = text.find_last_not_of(pad);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

void appendElement(std::string& out, const DataType& type, const std::byte* element, const Bytes& heap,
                   const Spill& spill) {
  if (auto text = stringElement(type, element, heap)) {
    out += printable(*text);
  } else if (auto integer = type.as<IntegerType>()) {
    appendInteger(out, *integer, element, type.size());
  } else if (auto real = type.as<FloatType>()) {
    appendFloat(out, *real, element, type.size());
  } else if (auto enumeration = type.as<EnumType>()) {
    appendEnum(out, *enumeration, type, element, heap);
  } else if (auto compound = type.as<CompoundType>()) {
    appendCompound(out, *compound, element, heap, spill);
  } else if (auto array = type.as<ArrayType>()) {
    std::uint64_t count = 1;
    for (std::uint32_t extent : array->dimensions) count *= extent;
    appendList(out, *array->element, element, count, heap, spill);
  } else if (auto sequence = type.as<SequenceType>()) {
    Stretch items = stretch(element, sequence->base->size(), heap);
    appendList(out, *sequence->base, items.data, items.count, heap, spill);
  } else if (auto complex = type.as<ComplexType>()) {
    appendComplex(out, *complex->base, element, heap);
  } else if (type.as<AnyReferenceType>()) {
    Stretch token = stretch(element, 1, heap);
    out += referenceText(token.data, token.count);
  } else {
    appendHex(out, element, type.size());
  }
}

std::string briefValue(const DataType& type, const Shape& shape, const Bytes& elements, const Bytes& heap) {
  constexpr std::uint64_t MOST = 8;
  std::uint64_t count = elementCount(shape);
  if (count > 0 && elements.size() / count < type.size())
    throw FileError("the reply's elements are fewer than its shape");
  std::string out = shape.empty() ? "" : "[";
  for (std::uint64_t i = 0; i < std::min(count, MOST); ++i) {
    if (i) out += ", ";
    bool quoted = type.as<FixedStringType>() || type.as<VariableStringType>();
    if (quoted) out += '"';
    appendElement(out, type, elements.data() + i * type.size(), heap);
    if (quoted) out += '"';
  }
  if (count > MOST) out += fmt::format(", … {} in all", count);
  return shape.empty() ? out : out + "]";
}

std::string shapeText(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::string spaceText(const Dataspace& space) {
  if (space.kind == Dataspace::Kind::null) return "null";
  if (space.kind == Dataspace::Kind::unknown) return "unknown shape: " + printable(space.whyUnknown);
  if (space.maxShape.empty() || space.maxShape == space.shape) return shapeText(space.shape);
  std::string most;
  for (std::uint64_t extent : space.maxShape) {
    most += (most.empty() ? "" : ", ") + (extent == unlimited ? std::string("∞") : std::to_string(extent));
  }
  return fmt::format("{} of at most ({}{})", shapeText(space.shape), most, space.maxShape.size() == 1 ? "," : "");
}

std::string linkTargetText(const Link& link) {
  if (auto soft = std::get_if<SoftLink>(&link.target)) return " → " + printable(soft->path);
  if (auto external = std::get_if<ExternalLink>(&link.target)) {
    return " → " + printable(external->file) + ":" + printable(external->path);
  }
  if (auto other = std::get_if<UserDefinedLink>(&link.target))
    return fmt::format(" → (link class {})", other->linkClass);
  return "";
}

std::string kindText(NodeKind kind) {
  switch (kind) {
    case NodeKind::group:
      return "group";
    case NodeKind::dataset:
      return "dataset";
    case NodeKind::namedType:
      return "datatype";
    case NodeKind::unknown:
      break;
  }
  return "unknown";
}

}  // namespace h5cap::cli
