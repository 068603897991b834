#include "client/src/reading/reply.h"

#include <algorithm>
#include <cstring>

#include "core/checked-size.h"
#include "core/type-digest.h"
#include "core/wire-checks.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

[[noreturn]] void wrong(const std::string& what) {
  throw FileError("the server sent a reply that is not to the question: " + what, ErrorCode::fileProblem);
}

std::span<const std::byte> bytesOf(capnp::Data::Reader data) {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

Region identity(const Shape& counts) {
  Region region;
  for (auto count : counts) region.axes.push_back({0, 1, count, {}, false});
  return region;
}

}  // namespace

std::vector<Positions> within(const std::vector<Positions>& whole, const std::vector<Positions>& part) {
  std::vector<Positions> result;
  for (std::size_t axis = 0; axis < part.size(); ++axis) {
    Positions positions;
    positions.dropped = whole[axis].dropped;
    positions.count = part[axis].count;
    if (whole[axis].indices.empty()) {
      positions.start = whole[axis].at(part[axis].start);
      positions.step = whole[axis].step;
    } else {
      for (std::uint64_t i = 0; i < part[axis].count; ++i)
        positions.indices.push_back(whole[axis].at(part[axis].at(i)));
    }
    result.push_back(std::move(positions));
  }
  return result;
}

namespace {

template <class R>
R checkedRun(rpc::ReadReply::Reader reply) {
  R body;
  body.run = {reply.getFirst(), reply.getCount()};
  body.heap = bytesOf(reply.getHeap());
  if (reply.hasNext() && body.run.count == 0) wrong("it makes no progress");
  return body;
}

PartRun readPart(rpc::ReadReply::Reader reply) {
  const auto part = reply.getPart();
  PartRun body{reply.getFirst(), part.getFirst(), part.getTotal(), bytesOf(part.getBytes())};
  if (reply.getCount() != 0 || body.bytes.empty() || body.bytes.size() >= body.total)
    wrong("it has no part of an element");
  return body;
}

Body readBody(rpc::ReadReply::Reader reply, const DataType& type) {
  switch (reply.which()) {
    case rpc::ReadReply::PACKED: {
      auto body = checkedRun<PackedRun>(reply);
      body.elements = bytesOf(reply.getPacked());
      const auto count = body.run.count;
      const auto bytes = CheckedSize(count) * type.size();
      if (count != 0 && (type.size() == 0 || bytes.fits() != body.elements.size())) wrong("its size does not fit");
      return body;
    }
    case rpc::ReadReply::FILL: {
      auto body = checkedRun<FilledRun>(reply);
      body.element = bytesOf(reply.getFill());
      if (body.run.count != 0 && body.element.size() != type.size()) wrong("its fill value has another size");
      return body;
    }
    case rpc::ReadReply::PART:
      return readPart(reply);
    case rpc::ReadReply::UNCHANGED:
      return Unchanged{};
    case rpc::ReadReply::STORED_CHUNKS:
    case rpc::ReadReply::COMPRESSED:
      break;
  }
  throw Unimplemented("the server sent elements in a form that this client did not ask for");
}

enum class Given { each, oneForAll };

// Copies the elements of a run, which are given so, to where `inResult` says.
void placeRun(ElementRun placed, std::span<const std::byte> elements, Given given, std::size_t size,
              const Shape& counts, const std::vector<Positions>& inResult, std::span<std::byte> result,
              const Shape& resultShape) {
  bool isWhole =
      counts == resultShape && placed.count == elementCount(counts) &&
      std::all_of(inResult.begin(), inResult.end(), [](auto& p) { return p.indices.empty() && p.step == 1; });
  if (isWhole) {
    if (result.size() < placed.count * size) wrong("it is larger than the result");
    if (given == Given::oneForAll) {
      fillElements(elements, result.first(placed.count * size));
    } else {
      std::memcpy(result.data(), elements.data(), placed.count * size);
    }
    return;
  }
  Region whole = identity(counts);
  std::vector<std::byte> filled;
  for (std::uint64_t done = 0; done < placed.count;) {
    Run run = runFrom(whole, placed.first + done, placed.count - done);
    Shape shape = run.part.counts();
    std::span<const std::byte> source;
    if (given == Given::oneForAll) {
      filled.resize(run.count * size);
      fillElements(elements, filled);
      source = filled;
    } else {
      source = elements.subspan(done * size, run.count * size);
    }
    copyElements(source, shape, identity(shape).axes, result, resultShape, within(inResult, run.part.axes), size);
    done += run.count;
  }
}

// Copies bytes of one element to where they belong in it.
void placePart(const PartRun& part, const DataType& type, const Shape& counts, const std::vector<Positions>& inResult,
               std::span<std::byte> result, const Shape& resultShape) {
  if (type.hasVariable() || part.total != type.size()) wrong("a part of an element cannot be placed");
  const auto at = within(inResult, runFrom(identity(counts), part.element, 1).part.axes);
  std::uint64_t number = 0;
  for (std::size_t axis = 0; axis < at.size(); ++axis) number = number * resultShape[axis] + at[axis].at(0);
  const auto begin = CheckedSize(number) * type.size() + part.first;
  if (!(begin + part.bytes.size()).isAtMost(result.size())) wrong("it is larger than the result");
  std::memcpy(result.data() + *begin.fits(), part.bytes.data(), part.bytes.size());
}

}  // namespace

Reply readReply(rpc::ReadReply::Reader reply, const DataType& type) {
  if (reply.getTypeDigest() != 0 && reply.getTypeDigest() != digestOf(type)) {
    throw FileError("the dataset has another datatype by now than when it was described: refresh it",
                    ErrorCode::changed);
  }
  Reply read;
  read.version = {wire::readVersion(reply.getVersion()), wire::readBytes(reply.getSources())};
  read.stability = wire::readStability(reply.getStability());
  read.shape = wire::readShape(reply.getShape());
  read.selected = wire::readShape(reply.getSelected());
  for (auto name : reply.getMissingSources()) read.missingSources.push_back(name);
  read.body = readBody(reply, type);
  return read;
}

ElementRun runOf(const Body& body) {
  if (auto* packed = std::get_if<PackedRun>(&body)) return packed->run;
  if (auto* filled = std::get_if<FilledRun>(&body)) return filled->run;
  if (auto* part = std::get_if<PartRun>(&body))
    return {part->element, part->first + part->bytes.size() == part->total ? 1u : 0u};
  return {};
}

void place(const Body& body, const DataType& type, const Shape& counts, const std::vector<Positions>& inResult,
           std::span<std::byte> result, const Shape& resultShape, Heap& heap) {
  using Span = std::span<const std::byte>;
  auto placed = [&](ElementRun run, Span elements, Span data, Given given) {
    if (run.count == 0) return;
    std::vector<std::byte> moved;
    if (type.hasVariable()) {
      checkUnfolded(type, elements, data);
      moved.assign(elements.begin(), elements.end());
      heap.append(type, moved, data);
      elements = moved;
    }
    placeRun(run, elements, given, type.size(), counts, inResult, result, resultShape);
  };
  if (auto* each = std::get_if<PackedRun>(&body)) placed(each->run, each->elements, each->heap, Given::each);
  if (auto* one = std::get_if<FilledRun>(&body)) placed(one->run, one->element, one->heap, Given::oneForAll);
  if (auto* part = std::get_if<PartRun>(&body)) placePart(*part, type, counts, inResult, result, resultShape);
}

std::vector<std::vector<Positions>> boxesOf(const Shape& counts, ElementRun run) {
  std::vector<std::vector<Positions>> boxes;
  Region whole = identity(counts);
  for (std::uint64_t done = 0; done < run.count;) {
    Run box = runFrom(whole, run.first + done, run.count - done);
    done += box.count;
    boxes.push_back(std::move(box.part.axes));
  }
  return boxes;
}

}  // namespace h5cap::detail
