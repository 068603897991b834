#include "server/executor/strided-read.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/checked-size.h"
#include "core/positions.h"
#include "h5cap/error.h"
#include "server/executor/executor.h"

namespace h5cap {

namespace {

constexpr std::uint64_t SMALL_GAP_BYTES = 4096;        // always cheaper to read over than to skip
constexpr std::uint64_t WORTHWHILE_GAP_BYTES = 65536;  // read over when no larger than what it separates

void checkPositions(const std::vector<Positions>& positions, const Shape& shape) {
  if (positions.size() != shape.size()) throw Failed("gather: ranks differ");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!allBelow(positions[i], shape[i])) throw Failed("gather: positions lie outside the shape");
  }
}

// One side of the copy: where position i of axis a stands, in bytes.
struct Side {
  const std::vector<Positions>& positions;
  Shape strideBytes;

  Side(const std::vector<Positions>& positions, const Shape& shape, std::size_t elementBytes)
      : positions(positions), strideBytes(stridesInBytes(shape, elementBytes)) {
    checkPositions(positions, shape);
  }

  std::uint64_t at(std::size_t axis, std::uint64_t i) const { return positions[axis].at(i) * strideBytes[axis]; }
};

class StridedReader {
 public:
  StridedReader(const StoredArray& array, const std::vector<Positions>& source, std::span<std::byte> result,
                const Shape& targetShape, const std::vector<Positions>& target)
      : array_(array),
        elementBytes_(array.fillElement.size()),
        source_(source, *array.shape, elementBytes_),
        target_(target, targetShape, elementBytes_),
        result_(result),
        rank_(source.size()),
        below_(rank_ + 1) {
    if (target.size() != rank_) throw Failed("gather: ranks differ");
    for (std::size_t a = 0; a < rank_; ++a) {
      if (source[a].count != target[a].count) throw Failed("gather: counts differ");
      if (source[a].count == 0) empty_ = true;
    }
    if (result.size() < packedBytes(targetShape, elementBytes_)) throw Failed("gather: result too small");
    if (!empty_) measure();
  }

  void run() {
    if (!empty_) gather(0, 0, 0);
  }

 private:
  // The elements that one position of an axis stands for: those of the axes after it.
  struct Block {
    std::uint64_t first = 0;   // bytes from the position to its first element
    std::uint64_t span = 0;    // bytes from there to the end of its last one
    std::uint64_t useful = 0;  // bytes of them that are wanted
    bool oneSpan = true;       // gaps are small: worth reading at once
    bool dense = true;         // in the file and in the result, in the same order
  };

  bool mayJoin(std::uint64_t gap, const Block& block) const {
    return gap < SMALL_GAP_BYTES || (gap < WORTHWHILE_GAP_BYTES && gap <= block.useful);
  }

  // Whether position i + 1 of an axis can be read in one go with position i.
  bool joins(std::size_t axis, std::uint64_t i) const {
    std::uint64_t here = source_.at(axis, i), next = source_.at(axis, i + 1);
    const Block& block = below_[axis + 1];
    return next > here && next - here >= block.span && mayJoin(next - here - block.span, block);
  }

  bool adjoins(std::size_t axis, std::uint64_t i) const {
    const Block& block = below_[axis + 1];
    return block.dense && source_.at(axis, i + 1) == source_.at(axis, i) + block.span &&
           target_.at(axis, i + 1) == target_.at(axis, i) + block.span;
  }

  void measure() {
    below_[rank_] = Block{0, elementBytes_, elementBytes_, true, true};
    for (std::size_t a = rank_; a-- > 0;) {
      const Positions& axis = source_.positions[a];
      const Block& inner = below_[a + 1];
      Block& block = below_[a];
      std::uint64_t lowest = source_.at(a, 0), highest = source_.at(a, axis.count - 1);
      for (std::uint64_t index : axis.indices) {
        lowest = std::min(lowest, index * source_.strideBytes[a]);
        highest = std::max(highest, index * source_.strideBytes[a]);
      }
      block.first = inner.first + lowest;
      block.span = highest - lowest + inner.span;
      block.useful = (CheckedSize(inner.useful) * axis.count).orUnlimited();
      // Without a list every pair of neighbours is alike.
      bool alike = axis.indices.empty() && target_.positions[a].indices.empty();
      std::uint64_t pairs = alike ? std::min<std::uint64_t>(axis.count - 1, 1) : axis.count - 1;
      block.oneSpan = inner.oneSpan;
      block.dense = inner.dense;
      for (std::uint64_t i = 0; i < pairs && (block.oneSpan || block.dense); ++i) {
        block.oneSpan = block.oneSpan && joins(a, i);
        block.dense = block.dense && adjoins(a, i);
      }
    }
  }

  // Positions of `axis` and everything below, in batches that are read at once.
  void gather(std::size_t axis, std::uint64_t sourceBase, std::uint64_t targetBase) {
    if (axis == rank_) return readSpan(sourceBase, result_.subspan(targetBase, elementBytes_));
    const Block& inner = below_[axis + 1];
    std::uint64_t count = source_.positions[axis].count;
    for (std::uint64_t i = 0; i < count;) {
      std::uint64_t end = i + 1;
      if (inner.dense) {
        while (end < count && adjoins(axis, end - 1)) ++end;
      }
      Manner manner = inner.dense ? Manner::direct : Manner::scratch;
      bool small = (end - i) * inner.span < WORTHWHILE_GAP_BYTES && end < count && joins(axis, end - 1);
      if (inner.oneSpan && inner.span <= MAX_SCRATCH_BYTES && (!inner.dense || small)) {
        manner = Manner::scratch;
        std::uint64_t start = source_.at(axis, i);
        while (end < count && joins(axis, end - 1) && source_.at(axis, end) - start + inner.span <= MAX_SCRATCH_BYTES) {
          ++end;
        }
      } else if (!inner.dense) {
        gather(axis + 1, sourceBase + source_.at(axis, i), targetBase + target_.at(axis, i));
        i = end;
        continue;
      }
      readBatch(axis, i, end, sourceBase, targetBase, manner);
      i = end;
    }
  }

  enum class Manner { direct, scratch };

  // Positions [begin, end) of `axis`, which ascend.
  void readBatch(std::size_t axis, std::uint64_t begin, std::uint64_t end, std::uint64_t sourceBase,
                 std::uint64_t targetBase, Manner manner) {
    const Block& inner = below_[axis + 1];
    std::uint64_t from = sourceBase + source_.at(axis, begin) + inner.first;
    std::uint64_t bytes = source_.at(axis, end - 1) - source_.at(axis, begin) + inner.span;
    if (manner == Manner::direct) {
      std::uint64_t to = targetBase + target_.at(axis, begin);
      for (std::size_t a = axis + 1; a < rank_; ++a) to += target_.at(a, 0);
      return readSpan(from, result_.subspan(to, bytes));
    }
    if (scratchBytes_ < bytes) {
      scratch_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
      scratchBytes_ = bytes;
    }
    readSpan(from, {scratch_.get(), bytes});
    for (std::uint64_t i = begin; i < end; ++i) {
      scatter(axis + 1, sourceBase + source_.at(axis, i) - from, targetBase + target_.at(axis, i));
    }
  }

  // From scratch to the result.  `offset` is relative to scratch and may wrap below zero before the inner axes are
  // added.
  void scatter(std::size_t axis, std::uint64_t offset, std::uint64_t to) {
    if (axis == rank_) {
      std::memcpy(result_.data() + to, scratch_.get() + offset, elementBytes_);
      return;
    }
    std::uint64_t count = source_.positions[axis].count;
    if (below_[axis].dense) {
      for (std::size_t a = axis; a < rank_; ++a) {
        offset += source_.at(a, 0);
        to += target_.at(a, 0);
      }
      std::memcpy(result_.data() + to, scratch_.get() + offset, below_[axis].span);
      return;
    }
    for (std::uint64_t i = 0; i < count; ++i) scatter(axis + 1, offset + source_.at(axis, i), to + target_.at(axis, i));
  }

  // Bytes of the stored array; what was never allocated is fill.  `from` is a multiple of the element size.
  void readSpan(std::uint64_t from, std::span<std::byte> to) {
    std::uint64_t whole = array_.storedBytes - array_.storedBytes % elementBytes_;
    std::uint64_t have = from < whole ? std::min<std::uint64_t>(whole - from, to.size()) : 0;
    if (have > 0) {
      const std::uint64_t size = array_.file->size();
      if (!(CheckedSize(array_.address) + from + have).isAtMost(size)) {
        throw FileError("elements lie beyond the end of the file: " + std::to_string(have) + " bytes, " +
                        std::to_string(from) + " after offset " + std::to_string(array_.address) + ", in a file of " +
                        std::to_string(size));
      }
      checkWanted();
      array_.file->read(array_.address + from, to.first(have));
    }
    fillElements(array_.fillElement, to.subspan(have));
  }

  const StoredArray& array_;
  const std::size_t elementBytes_;
  Side source_, target_;
  std::span<std::byte> result_;
  const std::size_t rank_;
  std::vector<Block> below_;  // [a]: axes a and after
  bool empty_ = false;
  std::unique_ptr<std::byte[]> scratch_;
  std::size_t scratchBytes_ = 0;
};

}  // namespace

void readStrided(const StoredArray& array, const std::vector<Positions>& source, std::span<std::byte> result,
                 const Shape& targetShape, const std::vector<Positions>& target) {
  if (array.fillElement.empty()) throw Failed("gather: elements of no size");
  StridedReader(array, source, result, targetShape, target).run();
}

}  // namespace h5cap
