#include "server/planner/large-values.h"

#include <algorithm>
#include <utility>

#include "core/place-pattern.h"
#include "h5cap/error.h"
#include "server/planner/attribute-list.h"
#include "server/planner/dataset-info.h"
#include "server/planner/element-read.h"

namespace h5cap::hdf5 {

namespace {

template <class Numbers>
void append(std::string& key, const Numbers& numbers) {
  for (auto number : numbers) key += std::to_string(number) + ",";
  key += ";";
}

// The fields that begin at these offsets.
FieldPicker pickerOf(const DataType& type, std::span<const std::uint32_t> offsets) {
  const auto* compound = type.as<CompoundType>();
  if (compound == nullptr) throw BadType("fields of elements that are not compounds");
  std::vector<std::string> names;
  for (std::uint32_t offset : offsets) {
    const auto field = std::find_if(compound->fields.begin(), compound->fields.end(),
                                    [&](const Field& one) { return one.offset == offset; });
    if (field == compound->fields.end()) throw BadSelection("no field begins there");
    names.push_back(field->name);
  }
  return FieldPicker(type, names);
}

DataType typeOf(const OpenFile& file, ObjectId id) {
  Handle dataset = file.dataset(id);
  return mapType(own(H5Dget_type(dataset.get()), "read the datatype").get()).type;
}

// What is left are the places of the fields, and what they lead to.
StoredElement picked(const StoredElement& whole, const FieldPicker& picker) {
  StoredElement result;
  result.packed.resize(picker.type().size());
  picker.pick(whole.packed, result.packed);
  const PlacePattern pattern(picker.type());
  if (pattern.root() == PlacePattern::NONE) return result;
  // Each item of the heap is one place's, in the order of places: offsets tell which.
  std::vector<std::uint64_t> begins;
  std::uint64_t heapBytes = 0;
  for (const auto& item : whole.heap) begins.push_back(std::exchange(heapBytes, heapBytes + item.bytes));
  heapBytes = 0;
  auto move = [&](PlacePattern::Id how, std::byte* at) {
    HeapPlace place = readPlace(at);
    if (place.count == 0) return;
    const auto found = std::lower_bound(begins.begin(), begins.end(), place.offset);
    result.heap.push_back(whole.heap.at(static_cast<std::size_t>(found - begins.begin())));
    place.offset = heapBytes;
    heapBytes += place.count * pattern.base(how).bytes;
    writePlace(place, at);
  };
  pattern.visit(pattern.root(), result.packed.data(), move);
  return result;
}

PackedData picked(PackedData whole, const FieldPicker& picker) {
  PackedData result;
  result.elements.resize(picker.type().size());
  picker.pick(whole.elements, result.elements);
  Heap heap(MAX_WHOLE_VALUE_BYTES);
  heap.append(picker.type(), result.elements, whole.heap);
  result.heap = heap.take();
  return result;
}

Bytes bytesOf(const PackedData& value, ByteRange range) {
  Bytes bytes;
  bytes.reserve(range.count);
  auto take = [&](const Bytes& from, std::uint64_t at) {
    const std::uint64_t first = std::max(range.first, at), end = std::min(range.first + range.count, at + from.size());
    if (first < end)
      bytes.insert(bytes.end(), from.begin() + static_cast<std::ptrdiff_t>(first - at),
                   from.begin() + static_cast<std::ptrdiff_t>(end - at));
  };
  take(value.elements, 0);
  take(value.heap, value.elements.size());
  return bytes;
}

}  // namespace

std::uint64_t LargeValues::Kept::total() const {
  if (auto* stored = std::get_if<StoredElement>(&value)) return stored->total();
  const auto& packed = std::get<PackedData>(value);
  return packed.elements.size() + packed.heap.size();
}

ValuePart LargeValues::element(const OpenFile& file, ObjectId dataset, std::span<const std::uint64_t> coordinates,
                               std::span<const std::uint32_t> fieldOffsets, ByteRange range) {
  std::string key = "element " + std::to_string(dataset) + ";";
  append(key, coordinates);
  append(key, fieldOffsets);
  if (kept_.key != key) {
    forget();
    checkCoordinates(file, dataset, coordinates);
    std::variant<PackedData, StoredElement> value;
    if (auto stored = findStoredElement(file, dataset, coordinates)) {
      value = std::move(*stored);
    } else {
      value = readElement(file, dataset, coordinates, MAX_WHOLE_VALUE_BYTES);
    }
    if (!fieldOffsets.empty()) {
      const FieldPicker picker = pickerOf(typeOf(file, dataset), fieldOffsets);
      if (auto* stored = std::get_if<StoredElement>(&value)) {
        value = picked(*stored, picker);
      } else {
        value = picked(std::move(std::get<PackedData>(value)), picker);
      }
    }
    kept_ = {std::move(key), std::move(value), {}};
  }
  return take(file, range);
}

ValuePart LargeValues::attribute(const OpenFile& file, ObjectId owner, const std::string& name, ByteRange range,
                                 Attribute& attribute) {
  const std::string key = "attribute " + std::to_string(owner) + ";" + name;
  if (kept_.key != key) {
    forget();
    Handle object = file.object(owner);
    Attribute read = readAttribute(object.get(), owner, name, MAX_WHOLE_VALUE_BYTES);
    if (auto* problem = std::get_if<ErrorText>(&read.value)) raise(problem->code, problem->message);
    auto value = std::move(std::get<Attribute::Value>(read.value));
    read.value = Attribute::Omitted{value.elements.size() + value.heap.size()};
    kept_ = {key, PackedData{std::move(value.elements), std::move(value.heap)}, std::move(read)};
  }
  attribute = kept_.attribute;
  return take(file, range);
}

ValuePart LargeValues::take(const OpenFile& file, ByteRange range) {
  const std::uint64_t total = kept_.total();
  if (range.first >= total) throw BadSelection("a part beyond the " + std::to_string(total) + " bytes of a value");
  range.count = std::min(range.count, total - range.first);
  ValuePart part{{}, total};
  if (auto* stored = std::get_if<StoredElement>(&kept_.value)) {
    part.bytes = stored->read(file, range);
  } else {
    part.bytes = bytesOf(std::get<PackedData>(kept_.value), range);
  }
  if (range.first + range.count == total) forget();
  return part;
}

}  // namespace h5cap::hdf5
