#include "client/src/reading/reply.h"

#include <algorithm>
#include <cstring>

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

Piece checkPiece(rpc::ReadReply::Reader reply, const DataType& type, std::uint64_t first, std::uint64_t total,
                 const Version& knownVersion) {
  Piece piece;
  piece.version = wire::readBytes(reply.getVersion());
  piece.stability = wire::readStability(reply.getStability());
  if (reply.isUnchanged()) {
    if (knownVersion.empty() || first != 0 || piece.version != knownVersion) wrong("nothing was known");
    piece.count = total;
    piece.isUnchanged = piece.isLast = true;
    return piece;
  }
  piece.first = reply.getFirst();
  piece.count = reply.getCount();
  piece.heap = bytesOf(reply.getHeap());
  if (piece.first != first) wrong("it starts at element " + std::to_string(piece.first));
  if (piece.count > total - first) wrong("it has more elements than were asked for");
  piece.isLast = !reply.hasNext();
  if (piece.isLast && piece.count != total - first) wrong("elements are missing at its end");
  if (!piece.isLast) {
    if (piece.count == 0) wrong("it makes no progress");
    if (reply.getNext().getElement() != first + piece.count || reply.getNext().getByte() != 0)
      wrong("a strange cursor");
  }
  if (reply.isPacked()) {
    piece.elements = bytesOf(reply.getPacked());
    bool fits = type.size() != 0 && piece.count <= piece.elements.size() / type.size();
    if (piece.count != 0 && (!fits || piece.count * type.size() != piece.elements.size()))
      wrong("its size does not fit");
  } else if (reply.isFill()) {
    piece.isFill = true;
    piece.elements = bytesOf(reply.getFill());
    if (piece.count != 0 && piece.elements.size() != type.size()) wrong("its fill value has another size");
  } else {
    throw Unimplemented("the server sent elements in a form that this client did not ask for");
  }
  return piece;
}

void copyPiece(const Piece& piece, const DataType& type, const Shape& counts, const std::vector<Positions>& inResult,
               std::span<std::byte> result, const Shape& resultShape, Heap& heap) {
  if (piece.count == 0) return;
  std::size_t size = type.size();
  std::span<const std::byte> elements = piece.elements;
  std::vector<std::byte> moved;
  if (piece.isFill || type.hasVariable()) {
    moved.assign(elements.begin(), elements.end());
    heap.append(type, moved, piece.heap);
    elements = moved;
  }
  bool isWhole =
      counts == resultShape && piece.count == elementCount(counts) &&
      std::all_of(inResult.begin(), inResult.end(), [](auto& p) { return p.indices.empty() && p.step == 1; });
  if (isWhole) {
    if (result.size() < piece.count * size) wrong("it is larger than the result");
    if (piece.isFill) {
      fillElements(elements, result.first(piece.count * size));
    } else {
      std::memcpy(result.data(), elements.data(), piece.count * size);
    }
    return;
  }
  Region whole = identity(counts);
  std::vector<std::byte> filled;
  for (std::uint64_t done = 0; done < piece.count;) {
    Run run = runFrom(whole, piece.first + done, piece.count - done);
    Shape shape = run.part.counts();
    std::span<const std::byte> source;
    if (piece.isFill) {
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

std::vector<std::vector<Positions>> boxesAfter(const Shape& counts, std::uint64_t done) {
  std::vector<std::vector<Positions>> boxes;
  Shape at(counts.size());
  for (std::size_t axis = counts.size(); axis-- > 0;) {
    at[axis] = done % counts[axis];
    done /= counts[axis];
  }
  if (done != 0) return boxes;  // past the end
  for (std::size_t axis = counts.size(); axis-- > 0;) {
    // The element at `at` itself belongs to the box of the last axis.
    std::uint64_t from = axis + 1 == counts.size() ? at[axis] : at[axis] + 1;
    if (from >= counts[axis]) continue;
    std::vector<Positions> box;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (i < axis) box.push_back({at[i], 1, 1, {}, false});
      if (i == axis) box.push_back({from, 1, counts[axis] - from, {}, false});
      if (i > axis) box.push_back({0, 1, counts[i], {}, false});
    }
    boxes.push_back(std::move(box));
  }
  return boxes;
}

}  // namespace h5cap::detail
