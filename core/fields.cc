#include "core/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "h5cap/error.h"

namespace h5cap {

namespace {

const Field& fieldNamed(const CompoundType& compound, const std::string& name) {
  auto found = std::find_if(compound.fields.begin(), compound.fields.end(), [&](auto& f) { return f.name == name; });
  if (found == compound.fields.end()) throw BadSelection(fmt::format("Field {} does not appear in this type.", name));
  return *found;
}

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

}  // namespace h5cap
