#include "server/versions/chunk-index.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/checked-size.h"
#include "core/pack.h"
#include "server/base/guarded.h"

namespace h5cap {
namespace {

// A block holds whole rows of the fastest axes as far as `chunks` go.
Shape blockShapeFor(const Shape& grid, std::uint64_t chunks) {
  Shape block(grid.size(), 1);
  for (std::size_t axis = grid.size(); axis-- > 0;) {
    block[axis] = std::clamp<std::uint64_t>(grid[axis], 1, chunks);
    chunks /= block[axis];
  }
  return block;
}

// The blocks that meet `box`, by their own coordinates: the last one may end beyond 2^64.
ChunkBox blocksMeeting(const ChunkBox& box, const Shape& blockShape) {
  ChunkBox blocks{Shape(blockShape.size()), Shape(blockShape.size())};
  for (std::size_t axis = 0; axis < blockShape.size(); ++axis) {
    const std::uint64_t last = box.first[axis] + (box.count[axis] - 1);
    blocks.first[axis] = box.first[axis] / blockShape[axis];
    blocks.count[axis] = last / blockShape[axis] - blocks.first[axis] + 1;
  }
  return blocks;
}

// First chunks of blocks, in C order.
std::vector<Shape> firstsOf(const ChunkBox& blocks, const Shape& blockShape) {
  std::vector<Shape> result{{}};
  for (std::size_t axis = 0; axis < blockShape.size(); ++axis) {
    std::vector<Shape> longer;
    for (const Shape& head : result)
      for (std::uint64_t i = 0; i < blocks.count[axis]; ++i) {
        longer.push_back(head);
        longer.back().push_back((blocks.first[axis] + i) * blockShape[axis]);
      }
    result = std::move(longer);
  }
  return result;
}

// Copies what `box` and the block at `blockFirst` share into `target`, whose shape is box.count.
void copyOverlap(const Extents& block, const Shape& blockFirst, const Shape& blockCounts, const ChunkBox& box,
                 Extents& target) {
  std::vector<Positions> source, destination;
  for (std::size_t axis = 0; axis < blockFirst.size(); ++axis) {
    const std::uint64_t begin = std::max(blockFirst[axis], box.first[axis]);
    // Both are within the grid, so neither wraps.
    const std::uint64_t end =
        std::min(blockFirst[axis] + blockCounts[axis], box.first[axis] + box.count[axis]);
    source.push_back(Positions{begin - blockFirst[axis], 1, end - begin});
    destination.push_back(Positions{begin - box.first[axis], 1, end - begin});
  }
  copyElements(std::as_bytes(std::span(block)), blockCounts, source, std::as_writable_bytes(std::span(target)),
               box.count, destination, sizeof(ChunkExtent));
}

std::string detailOf(ObjectId dataset, const Shape& firstChunk) {
  std::string detail = h5cap::detailOf(dataset);
  return detail.append(reinterpret_cast<const char*>(firstChunk.data()), firstChunk.size() * sizeof firstChunk[0]);
}

Shape clippedCounts(const Shape& first, const Shape& blockShape, const Shape& grid) {
  Shape counts(first.size());
  for (std::size_t axis = 0; axis < first.size(); ++axis)
    counts[axis] = std::min(blockShape[axis], grid[axis] - first[axis]);
  return counts;
}

}  // namespace

kj::Promise<std::shared_ptr<const Extents>> ChunkIndex::ask(ObjectId dataset, const ChunkBox& box) {
  const std::uint64_t expected = elementCount(box.count);
  return planner_
      .ask([dataset, box](rpc::PlannerRequest::Builder request) {
        auto chunks = request.initChunks();
        chunks.setDataset(dataset);
        chunks.setFirst(kj::arrayPtr(box.first.data(), box.first.size()));
        chunks.setCount(kj::arrayPtr(box.count.data(), box.count.size()));
      })
      .then([expected](kj::Own<PlannerAnswer> answer) {
        return guarded([&]() -> std::shared_ptr<const Extents> {
          auto reply = answer->reply();
          if (!reply.isChunks() || reply.getChunks().size() != expected)
            throw FileError("the planner's chunk index does not have the size that was asked for");
          auto extents = std::make_shared<Extents>();
          extents->reserve(expected);
          for (auto extent : reply.getChunks()) extents->push_back(wire::read(extent));
          return extents;
        });
      });
}

kj::Promise<std::shared_ptr<const Extents>> ChunkIndex::find(ObjectId dataset, const Shape& grid, const ChunkBox& box) {
  const std::uint64_t wanted = elementCount(box.count);
  if (wanted == 0) return std::shared_ptr<const Extents>(std::make_shared<Extents>());
  const Shape blockShape = blockShapeFor(grid, blockChunks);
  // A box across the grain of the blocks would fetch far more than it needs.
  const ChunkBox blocks = blocksMeeting(box, blockShape);
  const auto fetched = productOf(blocks.count) * productOf(blockShape);
  if (!fetched.isAtMost(4 * std::max(wanted, blockChunks))) return ask(dataset, box);
  return fromBlocks(dataset, grid, box, firstsOf(blocks, blockShape), blockShape);
}

namespace {

// Chunks of one block, and the box of all of these.
struct BlockShare {
  std::vector<std::size_t> places;  // in the list of numbers
  std::vector<Shape> chunks;
  ChunkBox box;
};

void widen(ChunkBox& box, const Shape& chunk) {
  if (box.first.empty()) {
    box = {chunk, Shape(chunk.size(), 1)};
    return;
  }
  for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
    const std::uint64_t last = std::max(box.first[axis] + box.count[axis] - 1, chunk[axis]);
    box.first[axis] = std::min(box.first[axis], chunk[axis]);
    box.count[axis] = last - box.first[axis] + 1;
  }
}

}  // namespace

kj::Promise<std::shared_ptr<const Extents>> ChunkIndex::findEach(ObjectId dataset, const Shape& grid,
                                                                 std::vector<std::uint64_t> numbers) {
  const Shape blockShape = blockShapeFor(grid, blockChunks);
  auto shares = std::make_shared<std::map<Shape, BlockShare>>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Shape chunk(grid.size()), first(grid.size());
    for (std::size_t axis = grid.size(), rest = numbers[i]; axis-- > 0; rest /= grid[axis]) {
      chunk[axis] = rest % grid[axis];
      first[axis] = chunk[axis] / blockShape[axis] * blockShape[axis];
    }
    BlockShare& share = (*shares)[first];
    widen(share.box, chunk);
    share.places.push_back(i);
    share.chunks.push_back(std::move(chunk));
  }
  kj::Vector<kj::Promise<std::shared_ptr<const Extents>>> pending;
  for (auto& [first, share] : *shares) pending.add(find(dataset, grid, share.box));
  return kj::joinPromises(pending.releaseAsArray())
      .then([shares, count = numbers.size()](kj::Array<std::shared_ptr<const Extents>> found) {
        auto result = std::make_shared<Extents>(count);
        std::size_t block = 0;
        for (auto& [first, share] : *shares) {
          const Extents& extents = *found[block++];
          for (std::size_t i = 0; i < share.places.size(); ++i) {
            std::uint64_t at = 0;
            for (std::size_t axis = 0; axis < first.size(); ++axis)
              at = at * share.box.count[axis] + share.chunks[i][axis] - share.box.first[axis];
            (*result)[share.places[i]] = extents[at];
          }
        }
        return std::shared_ptr<const Extents>(std::move(result));
      });
}

kj::Promise<std::shared_ptr<const Extents>> ChunkIndex::fromBlocks(ObjectId dataset, const Shape& grid,
                                                                   const ChunkBox& box, std::vector<Shape> firsts,
                                                                   const Shape& blockShape) {
  kj::Vector<kj::Promise<std::shared_ptr<const Extents>>> pending;
  for (const Shape& first : firsts)
    pending.add(knowledge_.get<Extents>(Knowledge::Topic::extents, detailOf(dataset, first), [&] {
      return ask(dataset, ChunkBox{first, clippedCounts(first, blockShape, grid)});
    }));
  return kj::joinPromises(pending.releaseAsArray())
      .then([firsts = kj::mv(firsts), box, grid, blockShape](kj::Array<std::shared_ptr<const Extents>> blocks) {
        return guarded([&]() -> std::shared_ptr<const Extents> {
          auto result = std::make_shared<Extents>(elementCount(box.count));
          for (std::size_t i = 0; i < blocks.size(); ++i)
            copyOverlap(*blocks[i], firsts[i], clippedCounts(firsts[i], blockShape, grid), box, *result);
          return result;
        });
      });
}

}  // namespace h5cap
