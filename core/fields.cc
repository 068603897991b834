#include "core/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr std::size_t PLACE_BYTES = 16;

const Field& fieldNamed(const CompoundType& compound, const std::string& name) {
  auto found = std::find_if(compound.fields.begin(), compound.fields.end(), [&](auto& f) { return f.name == name; });
  if (found == compound.fields.end()) throw BadSelection(fmt::format("Field {} does not appear in this type.", name));
  return *found;
}

// Copies what places lead to from one heap to another, nested places included.
class HeapPicker {
 public:
  explicit HeapPicker(std::span<const std::byte> heap) : heap_(heap) {}

  // Elements lie in `target()`, from `at` on, or in memory of their own.
  void pick(const DataType& type, std::byte* element) {
    if (!type.hasVariable()) return;
    if (type.as<VariableStringType>()) {
      pickPlace(element, nullptr);
    } else if (const auto* sequence = type.as<SequenceType>()) {
      pickPlace(element, sequence->base.get());
    } else if (const auto* compound = type.as<CompoundType>()) {
      for (const auto& field : compound->fields) pick(field.type, element + field.offset);
    } else if (const auto* array = type.as<ArrayType>()) {
      const auto bytes = array->element->size();
      for (std::size_t at = 0; bytes > 0 && at + bytes <= type.size(); at += bytes) pick(*array->element, element + at);
    }
  }

  Bytes& target() { return target_; }

 private:
  void pickPlace(std::byte* element, const DataType* base) {
    std::uint64_t place[2];
    std::memcpy(place, element, sizeof place);
    if (place[1] == 0) {
      std::memset(element, 0, PLACE_BYTES);
      return;
    }
    const std::uint64_t size = base == nullptr ? 1 : base->size();
    if (size == 0 || place[0] > heap_.size() || place[1] > (heap_.size() - place[0]) / size) {
      throw FileError("variable-length data points outside its heap");
    }
    const std::uint64_t bytes = place[1] * size;
    if (bytes > heap_.size() - target_.size()) {
      throw FileError("variable-length data of some fields is larger than that of all", ErrorCode::tooLarge);
    }
    Bytes data(heap_.begin() + static_cast<std::ptrdiff_t>(place[0]),
               heap_.begin() + static_cast<std::ptrdiff_t>(place[0] + bytes));
    // Room first: what nested places lead to comes behind.
    place[0] = target_.size();
    target_.insert(target_.end(), data.begin(), data.end());
    std::memcpy(element, place, sizeof place);
    if (base == nullptr || !base->hasVariable()) return;
    for (std::uint64_t i = 0; i < place[1]; ++i) pick(*base, data.data() + i * size);
    std::copy(data.begin(), data.end(), target_.begin() + static_cast<std::ptrdiff_t>(place[0]));
  }

  std::span<const std::byte> heap_;
  Bytes target_;
};

}  // namespace

FieldPicker::FieldPicker(const DataType& compound, const std::vector<std::string>& names)
    : wholeBytes_(compound.size()) {
  const auto* all = compound.as<CompoundType>();
  if (all == nullptr) throw BadType("fields of elements that are not compounds: " + describe(compound));
  if (names.empty()) throw BadSelection("no fields");
  CompoundType picked;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw BadSelection(fmt::format("Field {} is named twice", names[i]));
    }
    const auto& field = fieldNamed(*all, names[i]);
    if (std::uint64_t{field.offset} + field.type.size() > wholeBytes_) throw FileError("a field beyond its compound");
    parts_.push_back({field.offset, size, field.type.size()});
    picked.fields.push_back({field.name, size, field.type});
    size += field.type.size();
  }
  type_ = DataType(size, std::move(picked));
}

void FieldPicker::pick(std::span<const std::byte> elements, std::span<std::byte> target) const {
  const std::size_t size = type_.size();
  const std::size_t count = wholeBytes_ == 0 ? 0 : elements.size() / wholeBytes_;
  if (target.size() != count * size) throw Failed("picking fields: the target has another number of elements");
  for (std::size_t i = 0; i < count; ++i) {
    for (const auto& part : parts_) {
      std::memcpy(target.data() + i * size + part.to, elements.data() + i * wholeBytes_ + part.from, part.bytes);
    }
  }
}

Bytes FieldPicker::pickHeap(std::span<std::byte> picked, std::span<const std::byte> heap) const {
  HeapPicker picker(heap);
  const std::size_t size = type_.size();
  for (std::size_t at = 0; size > 0 && type_.hasVariable() && at + size <= picked.size(); at += size) {
    picker.pick(type_, picked.data() + at);
  }
  return std::move(picker.target());
}

}  // namespace h5cap
