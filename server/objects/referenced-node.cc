#include "server/objects/referenced-node.h"

#include <algorithm>

#include "core/checked-size.h"
#include "server/objects/node-impl.h"

namespace h5cap {
namespace {

constexpr std::size_t maxTokenBytes = 128 << 10;  // an attribute's name has up to 64 KiB
constexpr std::size_t longestKeptToken = 12;      // of HDF5's older references, which have 8 or 12
constexpr std::uint64_t maxMaskBits = rpc::MAX_REPLY_BYTES * 8;

struct Found {
  std::shared_ptr<const Referenced> referenced;
  kj::Own<FileVersion> version;
};

[[noreturn]] void badRegion() { raiseKj(ErrorCode::fileProblem, "the planner sent a region that contradicts itself"); }

std::uint64_t addressable(std::uint64_t bits) {
  if (bits > static_cast<std::uint64_t>(Range::openEnd)) raiseKj(ErrorCode::tooLarge, "a region beyond 2^63 elements");
  return bits;
}

// Indices along one axis of a regular hyperslab.
Axis axisOf(const Hyperslab::Dimension& d) {
  if (d.count == 0 || d.block == 0) return Range{0, 0, 1};
  if (d.count == unlimited || d.block == unlimited) badRegion();
  const auto elements = CheckedSize(d.count) * d.block;
  const auto behind = lastPosition(d.start, d.stride, d.count) + d.block;
  if (!elements.fits() || !behind.fits()) badRegion();
  auto start = static_cast<std::int64_t>(d.start), end = static_cast<std::int64_t>(addressable(*behind.fits()));
  if (d.block == 1 || d.count == 1 || d.stride == d.block) {
    bool isStrided = d.block == 1 && d.count > 1 && d.stride > 0;
    return Range{start, end, isStrided ? d.stride : 1};
  }
  if (!elements.isAtMost(rpc::MAX_REPLY_BYTES / sizeof(std::int64_t)))
    raiseKj(ErrorCode::tooLarge, "a region of too many blocks");
  Indices list;
  list.values.reserve(*elements.fits());
  for (std::uint64_t i = 0; i < d.count; ++i) {
    for (std::uint64_t j = 0; j < d.block; ++j)
      list.values.push_back(start + static_cast<std::int64_t>(i * d.stride + j));
  }
  return list;
}

// Calls `visit(low, high)` with the corners, the high one included, of each box.
template <class Visit>
void forEachBox(const Hyperslab& stored, Visit&& visit) {
  std::size_t rank = stored.extent.size();
  if (rank == 0 || stored.boxes.size() % (2 * rank) != 0) badRegion();
  for (std::size_t at = 0; at < stored.boxes.size(); at += 2 * rank) {
    const std::uint64_t* low = stored.boxes.data() + at;
    for (std::size_t i = 0; i < rank; ++i) {
      if (low[i] > low[rank + i] || low[rank + i] >= addressable(stored.extent[i])) badRegion();
    }
    visit(low, low + rank);
  }
}

// Sets the bits of one box in a mask over a box of `counts` that begins at `first`.
void setBits(const std::uint64_t* low, const std::uint64_t* high, const Shape& first, const Shape& counts,
             kj::ArrayPtr<kj::byte> mask) {
  std::size_t rank = counts.size();
  Shape at(low, low + rank);
  for (;;) {
    std::uint64_t bit = 0;
    for (std::size_t i = 0; i < rank; ++i) bit = bit * counts[i] + (at[i] - first[i]);
    for (std::uint64_t last = bit + (high[rank - 1] - low[rank - 1]); bit <= last; ++bit) {
      mask[bit / 8] |= static_cast<kj::byte>(1u << bit % 8);
    }
    std::size_t axis = rank - 1;
    while (axis-- > 0) {
      if (++at[axis] <= high[axis]) break;
      at[axis] = low[axis];
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

// Boxes of no order: a mask over the smallest box around them all.
void writeMask(const Hyperslab& stored, rpc::Selection::Builder region) {
  std::size_t rank = stored.extent.size();
  Shape first(rank, unlimited), last(rank, 0);
  forEachBox(stored, [&](const std::uint64_t* low, const std::uint64_t* high) {
    for (std::size_t i = 0; i < rank; ++i) {
      first[i] = std::min(first[i], low[i]);
      last[i] = std::max(last[i], high[i]);
    }
  });
  std::vector<Axis> axes;
  Shape counts(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    counts[i] = last[i] - first[i] + 1;
    axes.emplace_back(Range{static_cast<std::int64_t>(first[i]), static_cast<std::int64_t>(last[i]) + 1, 1});
  }
  const std::uint64_t bits = productOf(counts).orUnlimited();
  if (bits > maxMaskBits) raiseKj(ErrorCode::tooLarge, "an irregular region that spans too many elements");
  std::uint64_t left = bits;  // boxes are disjoint: no more work than the mask has bits
  forEachBox(stored, [&](const std::uint64_t* low, const std::uint64_t* high) {
    std::uint64_t volume = 1;
    for (std::size_t i = 0; i < rank; ++i) volume *= high[i] - low[i] + 1;
    if (volume > left) badRegion();
    left -= volume;
  });
  wire::write(Selection(std::move(axes)), region);
  auto mask = region.initMask((bits + 7) / 8);
  forEachBox(stored,
             [&](const std::uint64_t* low, const std::uint64_t* high) { setBits(low, high, first, counts, mask); });
}

// How many elements boxes have that are disjoint; `unlimited` for too many to count.
std::uint64_t elementsOf(const Hyperslab& stored) {
  CheckedSize count = 0;
  forEachBox(stored, [&](const std::uint64_t* low, const std::uint64_t* high) {
    CheckedSize volume = 1;
    for (std::size_t i = 0; i < stored.extent.size(); ++i) volume *= high[i] - low[i] + 1;
    count += volume;
  });
  return count.orUnlimited();
}

// The elements of few boxes that are far apart, in C order.
void writePoints(const Hyperslab& stored, std::uint64_t count, rpc::Selection::Builder region) {
  std::size_t rank = stored.extent.size();
  std::vector<Shape> elements;
  elements.reserve(count);
  forEachBox(stored, [&](const std::uint64_t* low, const std::uint64_t* high) {
    Shape at(low, low + rank);
    for (std::size_t axis = 0; axis != static_cast<std::size_t>(-1);) {
      elements.push_back(at);
      for (axis = rank; axis-- > 0; at[axis] = low[axis]) {
        if (++at[axis] <= high[axis]) break;
      }
    }
  });
  std::sort(elements.begin(), elements.end());
  auto points = region.initPoints(static_cast<unsigned>(count * rank));
  unsigned number = 0;
  for (const Shape& element : elements) {
    for (auto coordinate : element) points.set(number++, coordinate);
  }
}

// Bits, or coordinates where they are fewer bytes.
void writeBoxes(const Hyperslab& stored, rpc::Selection::Builder region) {
  std::uint64_t rank = stored.extent.size();
  const std::uint64_t count = elementsOf(stored);
  CheckedSize boxSize = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    std::uint64_t first = unlimited, last = 0;
    forEachBox(stored, [&](const std::uint64_t* low, const std::uint64_t* high) {
      first = std::min(first, low[i]);
      last = std::max(last, high[i]);
    });
    boxSize *= last - first + 1;
  }
  const std::uint64_t boxBits = boxSize.orUnlimited();
  bool fits = count <= rpc::MAX_REPLY_BYTES / (rank * sizeof(std::uint64_t));
  if (fits && boxBits / 8 > count * rank * sizeof(std::uint64_t)) return writePoints(stored, count, region);
  writeMask(stored, region);
}

void writeRegion(const Hyperslab& stored, rpc::Selection::Builder region) {
  switch (stored.kind) {
    case Hyperslab::Kind::all:
      return;  // no axes: everything
    case Hyperslab::Kind::none: {
      std::vector<Axis> axes(stored.extent.size(), Range{0, 0, 1});
      return wire::write(Selection(std::move(axes)), region);
    }
    case Hyperslab::Kind::regular: {
      std::vector<Axis> axes;
      for (const Hyperslab::Dimension& dimension : stored.dimensions) axes.push_back(axisOf(dimension));
      return wire::write(Selection(std::move(axes)), region);
    }
    case Hyperslab::Kind::boxes:
      return stored.boxes.empty() ? badRegion() : writeBoxes(stored, region);
    case Hyperslab::Kind::points: {
      if (stored.points.empty()) badRegion();
      auto points = region.initPoints(static_cast<unsigned>(stored.points.size()));
      for (unsigned i = 0; i < points.size(); ++i) points.set(i, stored.points[i]);
      return;
    }
  }
}

// What leads to the object again: of a long token its object's address, which is what a reference of 8 bytes is.
std::shared_ptr<const Bytes> keptToken(const Bytes& token, ObjectId id) {
  if (token.size() <= longestKeptToken) return std::make_shared<const Bytes>(token);
  Bytes kept;
  for (std::size_t i = 0; i < sizeof id; ++i) kept.push_back(static_cast<std::byte>(id >> (8 * i)));
  return std::make_shared<const Bytes>(std::move(kept));
}

void answer(const Asking& asking, NodePlace place, Found found, const Bytes& token, DereferenceContext context) {
  const Referenced& referenced = *found.referenced;
  place.path = referenced.path;
  place.token = referenced.path.empty() ? keptToken(token, referenced.target->id) : nullptr;
  auto results = context.getResults();
  wire::write(*referenced.target, results.initInfo());
  writeRegion(referenced.stored, results.initRegion());
  wire::write(referenced.stored, results.initStored());
  results.setPath(kj::StringPtr(referenced.path.c_str(), referenced.path.size()));
  results.setNode(
      makeNode(asking.caller, asking.grant, FoundNode{kj::mv(place), referenced.target, kj::mv(found.version)}));
}

}  // namespace

kj::Promise<void> dereferenceToken(const Asking& asking, NodePlace place, DereferenceContext context) {
  auto data = context.getParams().getToken();
  if (data.size() > maxTokenBytes) raiseKj(ErrorCode::tooLarge, "a reference that is too long to be sent");
  Bytes token = wire::readBytes(data);
  context.releaseParams();
  auto& file = *place.file;
  auto looked = file.consult<Found>([token](FileVersion& version) {
    return version.dereference(token).then(
        [kept = kj::addRef(version)](std::shared_ptr<const Referenced> found) mutable {
          return Found{kj::mv(found), kj::mv(kept)};
        });
  });
  return looked.then([&asking, place = kj::mv(place), token = std::move(token), context](Found found) mutable {
    guarded([&] { answer(asking, kj::mv(place), kj::mv(found), token, context); });
  });
}

}  // namespace h5cap
