#include "core/footprint.h"

namespace h5cap {
namespace {

std::uint64_t footprint(const EnumMember& member);
std::uint64_t footprint(const Field& field);
std::uint64_t footprint(const Filter& filter);
std::uint64_t footprint(const ExternalFile& file);
using h5cap::footprint;

// Of what a vector holds beyond the vector itself.
template <class Value>
std::uint64_t held(const std::vector<Value>& values) {
  std::uint64_t bytes = (values.capacity() - values.size()) * sizeof(Value) + ALLOCATION_BYTES;
  for (const Value& value : values) bytes += footprint(value);
  return bytes;
}

// Of what plain values and texts hold beyond the struct that they are members of.
template <class... Member>
std::uint64_t beyond(const Member&... member) {
  return ((footprint(member) - sizeof member) + ... + 0);
}

std::uint64_t footprint(const EnumMember& member) { return sizeof member + beyond(member.name, member.value); }
std::uint64_t footprint(const Field& field) { return sizeof field + beyond(field.name, field.type); }
std::uint64_t footprint(const Filter& filter) { return sizeof filter + beyond(filter.name, filter.parameters); }
std::uint64_t footprint(const ExternalFile& file) { return sizeof file + beyond(file.name); }

std::uint64_t beyondType(const UnsupportedType& type) { return beyond(type.name); }
std::uint64_t beyondType(const EnumType& type) { return footprint(*type.base) + ALLOCATION_BYTES + held(type.members); }
std::uint64_t beyondType(const CompoundType& type) { return held(type.fields); }
std::uint64_t beyondType(const ArrayType& type) {
  return footprint(*type.element) + ALLOCATION_BYTES + beyond(type.dimensions);
}
std::uint64_t beyondType(const SequenceType& type) { return footprint(*type.base) + ALLOCATION_BYTES; }
std::uint64_t beyondType(const ComplexType& type) { return footprint(*type.base) + ALLOCATION_BYTES; }
std::uint64_t beyondType(const OpaqueType& type) { return beyond(type.tag); }
template <class Plain>
  requires std::is_trivially_copyable_v<Plain>
std::uint64_t beyondType(const Plain&) {
  return 0;
}

std::uint64_t beyondSpace(const Dataspace& space) { return beyond(space.shape, space.maxShape, space.whyUnknown); }

std::uint64_t beyondDataset(const DatasetInfo& dataset) {
  return beyond(dataset.type, dataset.chunkShape, dataset.fillValue, dataset.fillHeap) + beyondSpace(dataset.space) +
         held(dataset.filters) + held(dataset.virtualSources) + held(dataset.externalFiles);
}

struct BeyondStorage {
  std::uint64_t operator()(const Unallocated&) const { return 0; }
  std::uint64_t operator()(const InlineBytes& storage) const { return beyond(storage.bytes); }
  std::uint64_t operator()(const ContiguousStorage&) const { return 0; }
  std::uint64_t operator()(const ChunkedStorage& storage) const {
    return beyond(storage.chunkShape) + held(storage.filters);
  }
  std::uint64_t operator()(const VirtualStorage& storage) const { return held(storage.sources); }
  std::uint64_t operator()(const ExternalStorage& storage) const { return held(storage.files); }
  std::uint64_t operator()(const LibraryOnly& storage) const { return beyond(storage.why); }
};

}  // namespace

std::uint64_t footprint(const DataType& type) {
  return sizeof type + std::visit([](const auto& one) { return beyondType(one); }, type.klass());
}

std::uint64_t footprint(const Link& link) {
  std::uint64_t bytes = sizeof link + beyond(link.name);
  if (auto* soft = std::get_if<SoftLink>(&link.target)) bytes += beyond(soft->path);
  if (auto* external = std::get_if<ExternalLink>(&link.target)) bytes += beyond(external->file, external->path);
  return bytes;
}

std::uint64_t footprint(const Hyperslab& selection) {
  return sizeof selection + beyond(selection.dimensions, selection.boxes, selection.extent, selection.points);
}

std::uint64_t footprint(const VirtualSource& source) {
  return sizeof source + beyond(source.file, source.dataset, source.virtualSelection, source.sourceSelection);
}

std::uint64_t footprint(const Attribute& attribute) {
  std::uint64_t bytes = sizeof attribute + beyond(attribute.name, attribute.type) + beyondSpace(attribute.space);
  if (auto* value = std::get_if<AttributeValue>(&attribute.value)) bytes += beyond(value->elements, value->heap);
  if (auto* problem = std::get_if<ErrorText>(&attribute.value)) bytes += beyond(problem->message);
  return bytes;
}

std::uint64_t footprint(const NodeInfo& node) {
  std::uint64_t bytes = sizeof node + held(node.links) + held(node.attributes);
  if (node.dataset) bytes += beyondDataset(*node.dataset);
  if (node.type) bytes += beyond(*node.type);
  if (node.problem) bytes += beyond(node.problem->message);
  return bytes;
}

std::uint64_t footprint(const FileInfo& file) {
  return sizeof file + beyond(file.path, file.version, file.libraryVersion);
}

std::uint64_t footprint(const Storage& storage) { return sizeof storage + std::visit(BeyondStorage{}, storage); }

}  // namespace h5cap
