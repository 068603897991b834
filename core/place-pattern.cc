#include "core/place-pattern.h"

#include <algorithm>

#include "h5cap/error.h"
#include "h5cap/place.h"

namespace h5cap {

PlacePattern::Id PlacePattern::add(const DataType& type) {
  if (type.as<VariableStringType>() || type.as<AnyReferenceType>()) return addPlace(type, {1, NONE});
  if (const auto* sequence = type.as<SequenceType>()) {
    return addPlace(type, {sequence->base->size(), add(*sequence->base)});
  }
  if (const auto* compound = type.as<CompoundType>()) return addFields(type, *compound);
  if (const auto* array = type.as<ArrayType>()) {
    const Id inner = add(*array->element);
    if (inner == NONE) return NONE;
    Part part{.kind = Kind::repeated, .stride = array->element->size(), .inner = inner};
    if (part.stride == 0 || type.size() % part.stride != 0) throw FileError("an array type of parts of elements");
    part.count = type.size() / part.stride;
    return known(std::move(part));
  }
  return NONE;
}

PlacePattern::Id PlacePattern::addPlace(const DataType& type, Base base) {
  if (type.size() != PLACE_BYTES) throw FileError("a variable-length type whose place is not 16 bytes");
  return known({.kind = Kind::place, .base = base});
}

PlacePattern::Id PlacePattern::addFields(const DataType& type, const CompoundType& compound) {
  Part part{.kind = Kind::fields};
  for (const auto& field : compound.fields) {
    const Id inner = add(field.type);
    if (inner == NONE) continue;
    part.fields.push_back({field.offset, std::uint64_t{field.offset} + field.type.size(), inner});
    if (part.fields.back().end > type.size()) throw FileError("a compound with a field outside of it");
  }
  if (part.fields.empty()) return NONE;
  std::sort(part.fields.begin(), part.fields.end(), [](auto& a, auto& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < part.fields.size(); ++i) {
    if (part.fields[i].offset < part.fields[i - 1].end) {
      throw FileError("a compound whose variable-length fields overlap");
    }
  }
  return known(std::move(part));
}

bool PlacePattern::nests() const {
  return std::any_of(parts_.begin(), parts_.end(), [](auto& part) { return part.base.pattern != NONE; });
}

PlacePattern::Id PlacePattern::known(Part part) {
  Key key{static_cast<std::uint64_t>(part.kind), part.base.bytes, part.base.pattern, part.count, part.stride,
          part.inner};
  for (const Field& field : part.fields) key.insert(key.end(), {field.offset, field.pattern});
  auto [found, isNew] = ids_.try_emplace(std::move(key), static_cast<Id>(parts_.size()));
  if (isNew) parts_.push_back(std::move(part));
  return found->second;
}

}  // namespace h5cap
