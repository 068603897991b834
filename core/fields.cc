#include "core/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/checked-size.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr char OVERLAPPING[] = "a compound whose fields overlap";

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
  CheckedSize size = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw BadSelection(fmt::format("Field {} is named twice", names[i]));
    }
    const auto& field = fieldNamed(*all, names[i]);
    if (!isWithin(field.offset, field.type.size(), wholeBytes_)) throw FileError("a field beyond its compound");
    const std::uint64_t at = size.orRaise(OVERLAPPING, ErrorCode::fileProblem);
    parts_.push_back({field.offset, at, field.type.size()});
    picked.fields.push_back({field.name, static_cast<std::uint32_t>(at), field.type});
    size += field.type.size();
    // So that it counts in 32 bits, too.
    if (!size.isAtMost(wholeBytes_)) throw FileError(OVERLAPPING);
  }
  type_ = DataType(static_cast<std::uint32_t>(*size.fits()), std::move(picked));
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
