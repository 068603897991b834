// Shapes, selections, errors.  Datatypes, nodes and plans are in wire-type.cc, wire-node.cc and wire-storage.cc.
#include "core/wire.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "core/positions.h"
#include "core/wire-checks.h"
#include "h5cap/error.h"

namespace h5cap::wire {

namespace {

constexpr std::string_view REMOTE_PREFIX = "remote exception: ";

BitMask readMask(capnp::Data::Reader bits) {
  return BitMask::unsized(reinterpret_cast<const std::byte*>(bits.begin()), bits.size());
}

kj::ArrayPtr<const kj::byte> maskBytes(const BitMask& mask) {
  return {reinterpret_cast<const kj::byte*>(mask.bytes()), BitMask::byteCount(mask.size())};
}

Axis readAxis(rpc::Selection::Axis::Reader axis) {
  switch (axis.which()) {
    case rpc::Selection::Axis::ALL:
      return All{};
    case rpc::Selection::Axis::INDEX:
      return axis.getIndex();
    case rpc::Selection::Axis::RANGE: {
      auto range = axis.getRange();
      if (range.getStep() == 0) throw BadSelection("Step must be >= 1 (got 0)");
      return Range{range.getStart(), range.getStop(), range.getStep()};
    }
    case rpc::Selection::Axis::INDICES: {
      Indices list;
      for (auto index : axis.getIndices()) list.values.push_back(index);
      return list;
    }
    case rpc::Selection::Axis::MASK:
      return readMask(axis.getMask());
  }
  throw Unimplemented("a kind of selection from a newer peer");
}

struct AxisWriter {
  rpc::Selection::Axis::Builder builder;

  void operator()(All) { builder.setAll(); }
  void operator()(std::int64_t index) { builder.setIndex(index); }
  void operator()(const Range& range) {
    auto group = builder.initRange();
    group.setStart(range.start);
    group.setStop(range.stop);
    group.setStep(range.step);
  }
  void operator()(const Indices& list) {
    auto values = builder.initIndices(listSize(list.values.size()));
    for (unsigned i = 0; i < values.size(); ++i) values.set(i, list.values[i]);
  }
  void operator()(const BitMask& mask) { builder.setMask(maskBytes(mask)); }
  void operator()(Ellipsis) { throw BadSelection("an ellipsis has to be expanded before it is sent"); }
};

// "remote exception: " stands in front once for every connection that an exception has crossed.
std::string_view withoutRemotePrefix(std::string_view text) {
  while (text.substr(0, REMOTE_PREFIX.size()) == REMOTE_PREFIX) text.remove_prefix(REMOTE_PREFIX.size());
  return text;
}

kj::Exception::Type kjType(ErrorCode code) {
  switch (code) {
    case ErrorCode::busy:
      return kj::Exception::Type::OVERLOADED;
    case ErrorCode::disconnected:
      return kj::Exception::Type::DISCONNECTED;
    case ErrorCode::unimplemented:
      return kj::Exception::Type::UNIMPLEMENTED;
    default:
      return kj::Exception::Type::FAILED;
  }
}

}  // namespace

Selection read(rpc::Selection::Reader reader) {
  if (reader.hasPoints()) {
    if (reader.hasMask() || reader.getAxes().size() > 0) throw BadSelection("points together with axes or a mask");
    Points points;
    for (auto coordinate : reader.getPoints()) points.coordinates.push_back(coordinate);
    return points;
  }
  auto list = reader.getAxes();
  if (list.size() > rpc::MAX_RANK) throw BadSelection(fmt::format("a selection of {} axes", list.size()));
  std::vector<Axis> axes;
  axes.reserve(list.size());
  for (auto axis : list) axes.push_back(readAxis(axis));
  if (reader.hasMask()) return Selection(std::move(axes), readMask(reader.getMask()));
  return Selection(std::move(axes));
}

void write(const Selection& selection, rpc::Selection::Builder builder) {
  if (const auto& points = selection.points()) {
    const auto& all = points->coordinates;
    auto list = builder.initPoints(listSize(all.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, all[i]);
    return;
  }
  if (selection.mask()) builder.setMask(maskBytes(*selection.mask()));
  auto axes = builder.initAxes(listSize(selection.axes().size()));
  for (unsigned k = 0; k < axes.size(); ++k) std::visit(AxisWriter{axes[k]}, selection.axes()[k]);
}

Selection expandEllipsis(const Selection& selection, std::size_t rank) {
  if (selection.points()) return selection;
  const auto& given = selection.axes();
  std::vector<Axis> axes;
  for (const auto& axis : given) {
    if (!std::holds_alternative<Ellipsis>(axis)) {
      axes.push_back(axis);
    } else if (given.size() - 1 <= rank) {
      axes.insert(axes.end(), rank - (given.size() - 1), All{});
    }
  }
  if (axes.size() > rank) {
    throw BadSelection(fmt::format("{} indexing arguments for {} dimensions", axes.size(), rank));
  }
  if (selection.mask()) return Selection(std::move(axes), *selection.mask());
  return Selection(std::move(axes));
}

Region readRegion(capnp::List<rpc::RegionAxis>::Reader reader) {
  checkRank(reader.size());
  Region region;
  for (auto from : reader) {
    RegionAxis axis{from.getStart(), from.getStep(), from.getCount(), {}, false};
    for (auto index : from.getIndices()) axis.indices.push_back(index);
    if (!axis.indices.empty()) axis.count = axis.indices.size();
    if (axis.step == 0) invalid("a region with a step of zero");
    if (!allBelow(axis, unlimited)) invalid("a region that reaches beyond 2^64");
    region.axes.push_back(normalised(std::move(axis)));
  }
  return region;
}

void writeRegion(const Region& region, capnp::List<rpc::RegionAxis>::Builder builder) {
  for (unsigned k = 0; k < builder.size() && k < region.axes.size(); ++k) {
    const auto& axis = region.axes[k];
    auto to = builder[k];
    to.setStart(axis.start);
    to.setStep(axis.step);
    to.setCount(axis.count);
    if (axis.indices.empty()) continue;
    auto indices = to.initIndices(listSize(axis.indices.size()));
    for (unsigned i = 0; i < indices.size(); ++i) indices.set(i, axis.indices[i]);
  }
}

ErrorText read(rpc::Error::Reader reader) {
  auto code = static_cast<unsigned>(reader.getCode());
  auto known = code <= static_cast<unsigned>(ErrorCode::unknownTicket);
  return {known ? static_cast<ErrorCode>(code) : ErrorCode::failed, readText(reader.getMessage())};
}

void write(const ErrorText& error, rpc::Error::Builder builder) {
  builder.setCode(static_cast<rpc::ErrorCode>(error.code));
  builder.setMessage(asText(error.message));
}

Shape readShape(capnp::List<std::uint64_t>::Reader reader) {
  checkRank(reader.size());
  Shape shape;
  shape.reserve(reader.size());
  for (auto extent : reader) shape.push_back(extent);
  return shape;
}

void writeShape(const Shape& shape, capnp::List<std::uint64_t>::Builder builder) {
  for (unsigned k = 0; k < builder.size() && k < shape.size(); ++k) builder.set(k, shape[k]);
}

Bytes readBytes(capnp::Data::Reader reader) {
  const auto* begin = reinterpret_cast<const std::byte*>(reader.begin());
  return Bytes(begin, begin + reader.size());
}

kj::ArrayPtr<const kj::byte> asData(const Bytes& bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

std::string readText(capnp::Text::Reader reader) { return std::string(reader.begin(), reader.size()); }

std::string readName(capnp::Text::Reader reader) {
  auto name = readText(reader);
  if (name.find('\0') != name.npos) invalid("a name with a null byte");
  return name;
}

capnp::Text::Reader asText(const std::string& text) { return {text.c_str(), text.size()}; }

unsigned listSize(std::size_t size) {
  constexpr std::size_t MAX_LIST = (1u << 29) - 1;  // Cap'n Proto's own limit
  if (size > MAX_LIST) throw FileError("a list too long to be sent", ErrorCode::tooLarge);
  return static_cast<unsigned>(size);
}

void invalid(const std::string& what) { throw FileError("the other side sent " + what); }

void checkRank(std::size_t rank) {
  if (rank > rpc::MAX_RANK) invalid(fmt::format("a shape of {} axes", rank));
}

kj::Exception toKj(ErrorCode code, const std::string& message) {
  return kj::Exception(kjType(code), __FILE__, __LINE__, kj::heapString(formatError(code, message).c_str()));
}

kj::Exception toKj(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return toKj(known->code(), known->what());
  // kj's own exceptions, when they are thrown, derive from both kj::Exception and std::exception.
  if (const auto* exception = dynamic_cast<const kj::Exception*>(&error)) return kj::cp(*exception);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return toKj(ErrorCode::busy, "out of memory");
  return toKj(ErrorCode::failed, error.what());
}

void rethrow(const kj::Exception& exception) {
  std::string_view text(exception.getDescription().begin(), exception.getDescription().size());
  auto error = parseError(withoutRemotePrefix(text));
  if (error.code == ErrorCode::failed) {
    switch (exception.getType()) {
      case kj::Exception::Type::OVERLOADED:
        error.code = ErrorCode::busy;
        break;
      case kj::Exception::Type::DISCONNECTED:
        error.code = ErrorCode::disconnected;
        break;
      case kj::Exception::Type::UNIMPLEMENTED:
        error.code = ErrorCode::unimplemented;
        break;
      case kj::Exception::Type::FAILED:
        break;
    }
  }
  raise(error.code, error.message);
}

}  // namespace h5cap::wire
