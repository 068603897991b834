#include "from-bytes.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "h5cap/place.h"

namespace h5cap::fuzz {

namespace {

constexpr std::uint64_t EDGES[] = {unlimited,          unlimited - 1,      std::uint64_t{1} << 63,
                                   (1ull << 63) - 1,   std::uint64_t{1} << 32, (1ull << 32) - 1,
                                   std::uint64_t{1} << 61, 0x5555555555555556};
constexpr std::uint8_t FIRST_EDGE = 240;  // of a byte; the last one takes eight more bytes

SharedType shared(DataType type) { return std::make_shared<const DataType>(std::move(type)); }

ByteOrder order(FromBytes& from) { return from.flag() ? ByteOrder::big : ByteOrder::little; }
CharacterSet set(FromBytes& from) { return from.flag() ? CharacterSet::utf8 : CharacterSet::ascii; }
StringPadding padding(FromBytes& from) { return static_cast<StringPadding>(from.upTo(2)); }

Bytes bytesOf(std::span<const std::byte> bytes) { return Bytes(bytes.begin(), bytes.end()); }

DataType number(FromBytes& from) {
  const std::uint32_t size = 1 + from.upTo(15);
  const unsigned bits = size * 8;
  auto upTo = [&](unsigned most) { return static_cast<std::uint16_t>(from.upTo(most)); };
  if (from.flag()) {
    IntegerType integer{from.flag(), order(from), 0, 0};
    integer.precision = static_cast<std::uint16_t>(1 + upTo(bits - 1));
    integer.bitOffset = upTo(bits - integer.precision);
    return DataType(size, integer);
  }
  FloatType real;
  real.order = order(from);
  real.precision = static_cast<std::uint16_t>(bits);
  real.exponentSize = upTo(bits);
  real.exponentPosition = upTo(bits - real.exponentSize);
  real.mantissaSize = upTo(bits);
  real.mantissaPosition = upTo(bits - real.mantissaSize);
  real.signPosition = upTo(bits - 1);
  real.exponentBias = from.number();
  real.storesLeadingBit = from.flag();
  return DataType(size, real);
}

DataType compound(FromBytes& from, unsigned depth) {
  CompoundType type;
  std::uint32_t end = 0;
  for (unsigned n = from.upTo(3); n > 0; --n) {
    Field field{from.text(), from.flag() ? end : from.upTo(40), fuzz::type(from, depth + 1)};  // may overlap
    end = std::max(end, field.offset + field.type.size());
    type.fields.push_back(std::move(field));
  }
  return DataType(std::max<std::uint32_t>(end + from.upTo(4), 1), std::move(type));
}

DataType enumeration(FromBytes& from) {
  DataType base = number(from);
  EnumType type{shared(base), {}};
  for (unsigned n = from.upTo(2); n > 0; --n) {
    Bytes value = bytesOf(from.take(base.size()));
    value.resize(base.size());
    type.members.push_back({from.text(), std::move(value)});
  }
  return DataType(base.size(), std::move(type));
}

DataType array(FromBytes& from, unsigned depth) {
  DataType element = fuzz::type(from, depth + 1);
  ArrayType type{shared(element), {}};
  std::uint32_t size = element.size();
  for (unsigned n = from.upTo(2); n > 0 && size < 4096; --n) {
    type.dimensions.push_back(1 + from.upTo(5));
    size *= type.dimensions.back();
  }
  return DataType(size, std::move(type));
}

}  // namespace

std::uint8_t FromBytes::byte() {
  if (size_ == 0) return 0;
  --size_;
  return *data_++;
}

std::uint64_t FromBytes::raw64() {
  std::uint64_t value = 0;
  auto bytes = take(sizeof value);
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

std::uint64_t FromBytes::number() {
  const std::uint8_t first = byte();
  if (first < 128) return first % 12;
  if (first < FIRST_EDGE) return first - 128;
  const std::size_t edge = first - FIRST_EDGE;
  return edge < std::size(EDGES) ? EDGES[edge] : raw64() >> (first % 8 * 8);
}

std::string FromBytes::text() {
  auto bytes = take(upTo(8));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> FromBytes::take(std::size_t most) {
  const std::size_t count = std::min(most, size_);
  std::span<const std::byte> taken(reinterpret_cast<const std::byte*>(data_), count);
  data_ += count;
  size_ -= count;
  return taken;
}

Shape shape(FromBytes& from, unsigned mostAxes) {
  Shape result(from.upTo(mostAxes));
  for (auto& extent : result) extent = from.number();
  return result;
}

Selection selection(FromBytes& from) {
  auto signedNumber = [&] { return static_cast<std::int64_t>(from.flag() ? from.number() : -from.number()); };
  auto bits = [&](unsigned most) {
    auto bytes = from.take(from.upTo(most));
    return BitMask::unsized(bytes.data(), bytes.size());
  };
  if (from.upTo(5) == 0) {
    Points points;
    for (unsigned n = from.upTo(12); n > 0; --n) points.coordinates.push_back(from.number());
    return points;
  }
  std::vector<Axis> axes;
  for (unsigned n = from.upTo(4); n > 0; --n) {
    switch (from.upTo(4)) {
      case 0:
        axes.emplace_back(All{});
        break;
      case 1:
        axes.emplace_back(signedNumber());
        break;
      case 2: {
        auto start = signedNumber(), stop = from.flag() ? Range::openEnd : signedNumber();
        axes.emplace_back(Range{start, stop, std::max<std::uint64_t>(from.number(), 1)});
        break;
      }
      case 3: {
        Indices indices;
        for (unsigned k = from.upTo(6); k > 0; --k) indices.values.push_back(signedNumber());
        axes.emplace_back(std::move(indices));
        break;
      }
      default:
        axes.emplace_back(bits(3));
    }
  }
  if (from.upTo(3) == 0) return Selection(std::move(axes), bits(20));
  return Selection(std::move(axes));
}

DataType type(FromBytes& from, unsigned depth) {
  switch (depth < 4 ? from.upTo(14) : from.upTo(8)) {
    case 0:
      return DataType(16, VariableStringType{padding(from), set(from)});
    case 1:
      return DataType(1 + from.upTo(20), FixedStringType{padding(from), set(from)});
    case 2:
      return DataType(1 + from.upTo(9), OpaqueType{from.text()});
    case 3:
      return DataType(8, ObjectReferenceType{});
    case 4:
      return DataType(12, RegionReferenceType{});
    case 5:
      return enumeration(from);
    case 6: {
      const std::uint32_t size = 1 + from.upTo(7);
      return DataType(size, BitfieldType{order(from), static_cast<std::uint16_t>(1 + from.upTo(size * 8 - 1))});
    }
    case 7:
    case 8:
      return number(from);
    case 9:
      return DataType(PLACE_BYTES, SequenceType{shared(type(from, depth + 1))});
    case 10:
    case 11:
      return compound(from, depth);
    case 12:
      return array(from, depth);
    case 13:
      return DataType(PLACE_BYTES, AnyReferenceType{});
    default: {
      DataType base = number(from);
      return DataType(base.size() * 2, ComplexType{shared(base)});
    }
  }
}

Hyperslab hyperslab(FromBytes& from, unsigned mostAxes) {
  Hyperslab slab;
  slab.kind = static_cast<Hyperslab::Kind>(from.upTo(4));
  slab.extent = from.flag() ? shape(from, mostAxes) : Shape();
  switch (slab.kind) {
    case Hyperslab::Kind::regular:
      for (unsigned n = from.upTo(mostAxes); n > 0; --n) {
        Hyperslab::Dimension axis{from.number(), from.number(), from.number(), from.number()};
        slab.dimensions.push_back(axis);
      }
      break;
    case Hyperslab::Kind::boxes:
      for (unsigned n = from.upTo(4 * mostAxes); n > 0; --n) slab.boxes.push_back(from.number());
      break;
    case Hyperslab::Kind::points:
      for (unsigned n = from.upTo(4 * mostAxes); n > 0; --n) slab.points.push_back(from.number());
      break;
    case Hyperslab::Kind::all:
    case Hyperslab::Kind::none:
      break;
  }
  return slab;
}

VirtualSource virtualSource(FromBytes& from) {
  VirtualSource source{from.text(), from.text(), hyperslab(from, 3), hyperslab(from, 3), false};
  source.isPattern = from.upTo(3) == 0;
  return source;
}

Attribute attribute(FromBytes& from) {
  Attribute result;
  result.name = from.text();
  result.type = type(from);
  const std::uint64_t extent = from.upTo(4);
  result.space = {Dataspace::Kind::simple, {extent}, {extent}, ""};
  result.characterSet = set(from);
  if (from.upTo(4) == 0) {
    result.value = Attribute::Omitted{from.number()};
  } else {
    Bytes elements = bytesOf(from.take(extent * result.type.size()));
    elements.resize(extent * result.type.size());
    result.value = Attribute::Value{std::move(elements), bytesOf(from.take(from.upTo(20)))};
  }
  return result;
}

Link link(FromBytes& from) {
  Link result;
  result.name = from.text();
  result.creationOrder = static_cast<std::int64_t>(from.number());
  switch (from.upTo(5)) {
    case 0:
      result.target = ExternalLink{from.text(), from.text()};
      break;
    case 1:
      result.target = UserDefinedLink{from.byte()};
      break;
    case 2:
    case 3:
      result.target = SoftLink{from.text()};
      break;
    default:
      result.target = HardLink{from.upTo(5), static_cast<NodeKind>(from.upTo(3))};
  }
  return result;
}

NodeInfo node(FromBytes& from) {
  NodeInfo result;
  result.id = from.upTo(5);
  result.kind = static_cast<NodeKind>(from.upTo(3));
  if (result.kind == NodeKind::dataset) {
    DatasetInfo& dataset = result.dataset.emplace();
    dataset.type = type(from);
    dataset.space.shape = dataset.space.maxShape = shape(from, 3);
    dataset.layout = static_cast<Layout>(from.upTo(5));
    dataset.chunkShape = shape(from, 3);
    if (from.flag()) dataset.filters = {{from.byte(), 0, from.text(), {from.byte()}}};
    if (from.flag()) dataset.fillValue = Bytes(dataset.type.size(), std::byte{from.byte()});
    for (unsigned n = from.upTo(2); n > 0; --n) dataset.virtualSources.push_back(virtualSource(from));
    for (unsigned n = from.upTo(2); n > 0; --n)
      dataset.externalFiles.push_back({from.text(), from.number(), from.number()});
  }
  if (result.kind == NodeKind::namedType) result.type = type(from);
  for (unsigned n = from.upTo(4); n > 0; --n) result.links.push_back(link(from));
  result.linksComplete = from.upTo(3) != 0;
  for (unsigned n = from.upTo(2); n > 0; --n) result.attributes.push_back(attribute(from));
  result.attributesComplete = from.flag();
  if (from.upTo(6) == 0) result.problem = ErrorText{ErrorCode::fileProblem, from.text()};
  return result;
}

}  // namespace h5cap::fuzz
