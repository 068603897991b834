#include "core/pack.h"

#include <algorithm>
#include <cstring>

#include "h5cap/error.h"

namespace h5cap {

namespace {

// One axis of a copy, in bytes.  A list takes the place of a constant stride on its side.
struct CopyAxis {
  std::uint64_t count;
  std::size_t sourceStride;
  std::size_t targetStride;
  const std::vector<std::uint64_t>* sourceList;
  const std::vector<std::uint64_t>* targetList;

  bool isRegular() const { return sourceList == nullptr && targetList == nullptr; }
  std::size_t sourceAt(std::uint64_t i) const { return (sourceList ? (*sourceList)[i] : i) * sourceStride; }
  std::size_t targetAt(std::uint64_t i) const { return (targetList ? (*targetList)[i] : i) * targetStride; }
};

// What is left of a copy once contiguous axes are merged: `axes` around runs of `runBytes`.
struct CopyPlan {
  std::vector<CopyAxis> axes;  // slowest first
  std::size_t runBytes;
  std::size_t sourceStart = 0;
  std::size_t targetStart = 0;
};

void checkSide(const char* side, std::size_t bytes, const Shape& shape, const std::vector<Positions>& positions,
               std::size_t elementBytes) {
  if (shape.size() != positions.size()) throw Failed(std::string("copying: ranks differ on the ") + side + " side");
  if (elementCount(shape) > bytes / elementBytes) throw Failed(std::string("copying: the ") + side + " is too short");
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (!allBelow(positions[k], shape[k])) throw Failed(std::string("copying: positions outside the ") + side);
  }
}

CopyPlan planCopy(const Shape& sourceShape, const std::vector<Positions>& source, const Shape& targetShape,
                  const std::vector<Positions>& target, std::size_t elementBytes) {
  CopyPlan plan{{}, elementBytes};
  auto sourceStrides = strides(sourceShape);
  auto targetStrides = strides(targetShape);
  std::vector<CopyAxis> fastestFirst;
  for (std::size_t k = source.size(); k-- > 0;) {
    const auto& from = source[k];
    const auto& to = target[k];
    auto sourceBytes = sourceStrides[k] * elementBytes;
    auto targetBytes = targetStrides[k] * elementBytes;
    CopyAxis axis{from.count, sourceBytes, targetBytes, nullptr, nullptr};
    if (from.indices.empty()) {
      plan.sourceStart += from.start * sourceBytes;
      axis.sourceStride = from.count > 1 ? from.step * sourceBytes : 0;
    } else {
      axis.sourceList = &from.indices;
    }
    if (to.indices.empty()) {
      plan.targetStart += to.start * targetBytes;
      axis.targetStride = to.count > 1 ? to.step * targetBytes : 0;
    } else {
      axis.targetList = &to.indices;
    }
    if (axis.isRegular()) {
      if (axis.count == 1) continue;
      if (fastestFirst.empty() && axis.sourceStride == plan.runBytes && axis.targetStride == plan.runBytes) {
        plan.runBytes *= axis.count;
        continue;
      }
      if (!fastestFirst.empty() && fastestFirst.back().isRegular()) {
        auto& inner = fastestFirst.back();
        if (axis.sourceStride == inner.sourceStride * inner.count &&
            axis.targetStride == inner.targetStride * inner.count) {
          inner.count *= axis.count;
          continue;
        }
      }
    }
    fastestFirst.push_back(axis);
  }
  plan.axes.assign(fastestFirst.rbegin(), fastestFirst.rend());
  return plan;
}

// Runs of `bytes` along the innermost axis; the size is a constant where it pays.
template <std::size_t bytes>
struct FixedRun {
  static void copy(std::byte* target, const std::byte* source, std::size_t) { std::memcpy(target, source, bytes); }
};
struct AnyRun {
  static void copy(std::byte* target, const std::byte* source, std::size_t bytes) {
    std::memcpy(target, source, bytes);
  }
};

template <class Run>
void copyInner(const CopyAxis& axis, const std::byte* source, std::byte* target, std::size_t runBytes) {
  if (axis.isRegular()) {
    for (std::uint64_t i = 0; i < axis.count; ++i) {
      Run::copy(target + i * axis.targetStride, source + i * axis.sourceStride, runBytes);
    }
  } else {
    for (std::uint64_t i = 0; i < axis.count; ++i) {
      Run::copy(target + axis.targetAt(i), source + axis.sourceAt(i), runBytes);
    }
  }
}

template <class Run>
void copyAxes(std::span<const CopyAxis> axes, const std::byte* source, std::byte* target, std::size_t runBytes) {
  if (axes.empty()) return Run::copy(target, source, runBytes);
  if (axes.size() == 1) return copyInner<Run>(axes[0], source, target, runBytes);
  for (std::uint64_t i = 0; i < axes[0].count; ++i) {
    copyAxes<Run>(axes.subspan(1), source + axes[0].sourceAt(i), target + axes[0].targetAt(i), runBytes);
  }
}

}  // namespace

void copyElements(std::span<const std::byte> sourceBytes, const Shape& sourceShape,
                  const std::vector<Positions>& source, std::span<std::byte> targetBytes, const Shape& targetShape,
                  const std::vector<Positions>& target, std::size_t elementBytes) {
  if (elementBytes == 0) throw Failed("copying: elements of no bytes");
  if (source.size() != target.size()) throw Failed("copying: ranks differ");
  bool isEmpty = false;
  for (std::size_t k = 0; k < source.size(); ++k) {
    if (source[k].count != target[k].count) throw Failed("copying: counts differ");
    isEmpty |= source[k].count == 0;
  }
  checkSide("source", sourceBytes.size(), sourceShape, source, elementBytes);
  checkSide("target", targetBytes.size(), targetShape, target, elementBytes);
  if (isEmpty) return;

  auto plan = planCopy(sourceShape, source, targetShape, target, elementBytes);
  auto* from = sourceBytes.data() + plan.sourceStart;
  auto* to = targetBytes.data() + plan.targetStart;
  switch (plan.runBytes) {
    case 1:
      return copyAxes<FixedRun<1>>(plan.axes, from, to, 1);
    case 2:
      return copyAxes<FixedRun<2>>(plan.axes, from, to, 2);
    case 4:
      return copyAxes<FixedRun<4>>(plan.axes, from, to, 4);
    case 8:
      return copyAxes<FixedRun<8>>(plan.axes, from, to, 8);
    default:
      return copyAxes<AnyRun>(plan.axes, from, to, plan.runBytes);
  }
}

void fillElements(std::span<const std::byte> element, std::span<std::byte> target) {
  if (target.empty()) return;
  if (element.empty() || target.size() % element.size() != 0) {
    throw Failed("filling: the target does not hold a whole number of elements");
  }
  std::memcpy(target.data(), element.data(), element.size());
  for (std::size_t done = element.size(); done < target.size();) {
    auto next = std::min(done, target.size() - done);
    std::memcpy(target.data() + done, target.data(), next);
    done += next;
  }
}

Run runFrom(const Region& region, std::uint64_t first, std::uint64_t maxElements) {
  auto counts = region.counts();
  if (first >= elementCount(counts)) throw Failed("a run that starts behind its region");
  maxElements = std::max<std::uint64_t>(maxElements, 1);
  auto rank = counts.size();
  Shape at(rank), extent(rank, 1);
  for (std::size_t k = rank, rest = first; k-- > 0; rest /= counts[k]) at[k] = rest % counts[k];

  // A box that is a run has whole axes inside, a part of one axis `k`, and single positions outside of it.
  std::size_t best = rank;
  std::uint64_t bestCount = 1;
  std::uint64_t inner = 1;  // elements inside of axis k
  for (std::size_t k = rank; k-- > 0 && inner <= maxElements;) {
    auto count = std::min(counts[k] - at[k], maxElements / inner) * inner;
    if (count >= bestCount) {
      best = k;
      bestCount = count;
    }
    if (at[k] != 0) break;
    inner *= counts[k];
  }
  if (best < rank) {
    for (std::size_t k = best + 1; k < rank; ++k) extent[k] = counts[k];
    auto innerCount = bestCount;
    for (std::size_t k = best + 1; k < rank; ++k) innerCount /= counts[k];
    extent[best] = innerCount;
  }
  Run run{{}, first, bestCount};
  run.part.axes.reserve(rank);
  for (std::size_t k = 0; k < rank; ++k) run.part.axes.push_back(subset(region.axes[k], at[k], extent[k]));
  return run;
}

}  // namespace h5cap
