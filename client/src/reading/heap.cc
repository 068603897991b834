#include "client/src/reading/heap.h"

#include <cstring>
#include <set>

#include "core/pack.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr std::size_t PLACE_BYTES = 16;

std::uint64_t readLittle(const std::byte* at) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
  return value;
}

void writeLittle(std::byte* at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

[[noreturn]] void misplaced() {
  throw FileError("the server sent variable-length data that points outside its heap", ErrorCode::fileProblem);
}

class Mover {
 public:
  Mover(std::span<std::byte> heap, std::uint64_t delta) : heap_(heap), delta_(delta) {}

  void move(const DataType& type, std::span<std::byte> elements) {
    if (!type.hasVariable() || type.size() == 0) return;
    for (std::size_t at = 0; at + type.size() <= elements.size(); at += type.size()) {
      moveOne(type, elements.subspan(at, type.size()));
    }
  }

 private:
  void moveOne(const DataType& type, std::span<std::byte> element) {
    if (type.as<VariableStringType>()) {
      movePlace(element, nullptr);
    } else if (auto* sequence = type.as<SequenceType>()) {
      movePlace(element, sequence->base.get());
    } else if (auto* compound = type.as<CompoundType>()) {
      for (auto& field : compound->fields) {
        if (std::uint64_t{field.offset} + field.type.size() > element.size()) misplaced();
        move(field.type, element.subspan(field.offset, field.type.size()));
      }
    } else if (auto* array = type.as<ArrayType>()) {
      move(*array->element, element);
    }
  }

  void movePlace(std::span<std::byte> element, const DataType* base) {
    if (element.size() < PLACE_BYTES) misplaced();
    Place place = readPlace(element.data());
    if (place.count == 0) {
      std::memset(element.data(), 0, PLACE_BYTES);
      return;
    }
    auto named = resolvePlace(place, base ? base->size() : 1, heap_);
    // Places may share what they point at; it is moved once.  Overlaps of another kind are no valid data, and harmless:
    // whoever reads checks again.
    if (base && base->hasVariable() && seen_.insert(place).second) {
      work_ += named.size();
      if (work_ > heap_.size()) misplaced();
      move(*base, heap_.subspan(place.offset, named.size()));
    }
    writeLittle(element.data(), place.offset + delta_);
  }

  std::span<std::byte> heap_;
  std::uint64_t delta_;
  std::uint64_t work_ = 0;  // bytes of nested elements: more than the heap has only when they overlap
  std::set<Place> seen_;
};

}  // namespace

Place readPlace(const std::byte* at) { return {readLittle(at), readLittle(at + 8)}; }

std::span<const std::byte> resolvePlace(Place place, std::uint64_t size, std::span<const std::byte> heap) {
  if (place.count == 0 || size == 0) return {};
  if (place.offset > heap.size() || place.count > (heap.size() - place.offset) / size) misplaced();
  return heap.subspan(place.offset, place.count * size);
}

void appendHeap(const DataType& type, std::span<std::byte> elements, std::span<const std::byte> heap, Bytes& target) {
  std::size_t delta = target.size();
  target.insert(target.end(), heap.begin(), heap.end());
  Mover(std::span(target).subspan(delta), delta).move(type, elements);
}

}  // namespace h5cap::detail
