#include "core/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/checked-size.h"
#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr char OVERLAPPING[] = "a compound whose fields overlap";

// The first of each name; found in time, however many of however many fields are wanted.
std::unordered_map<std::string_view, const Field*> byName(const CompoundType& compound) {
  std::unordered_map<std::string_view, const Field*> fields;
  for (const Field& field : compound.fields) fields.emplace(field.name, &field);
  return fields;
}

}  // namespace

FieldPicker::FieldPicker(const DataType& compound, const std::vector<std::string>& names)
    : wholeBytes_(compound.size()) {
  const auto* all = compound.as<CompoundType>();
  if (all == nullptr) throw BadType("fields of elements that are not compounds: " + describe(compound));
  if (names.empty()) throw BadSelection("no fields");
  CompoundType picked;
  CheckedSize size = 0;
  const auto fields = byName(*all);
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) throw BadSelection(fmt::format("Field {} is named twice", name));
    const auto found = fields.find(name);
    if (found == fields.end()) throw BadSelection(fmt::format("Field {} does not appear in this type.", name));
    const Field& field = *found->second;
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

std::vector<ByteRange> FieldPicker::origins(ByteRange picked) const {
  std::vector<ByteRange> ranges;
  const std::uint64_t end = picked.first + picked.count;
  for (const Part& part : parts_) {
    const std::uint64_t first = std::max<std::uint64_t>(picked.first, part.to);
    const std::uint64_t last = std::min<std::uint64_t>(end, part.to + part.bytes);
    if (first < last) ranges.push_back({part.from + (first - part.to), last - first});
  }
  return ranges;
}

std::vector<std::uint32_t> FieldPicker::offsets() const {
  std::vector<std::uint32_t> offsets;
  for (const Part& part : parts_) offsets.push_back(static_cast<std::uint32_t>(part.from));
  return offsets;
}

}  // namespace h5cap
