#include "to-python.h"

#include <nanobind/ndarray.h>

namespace h5cap::python {

namespace {

const char* text(ByteOrder order) { return order == ByteOrder::big ? ">" : "<"; }

const char* text(CharacterSet set) { return set == CharacterSet::utf8 ? "utf-8" : "ascii"; }

const char* text(StringPadding padding) {
  switch (padding) {
    case StringPadding::nullTerminated: return "nullterm";
    case StringPadding::nullPadded: return "nullpad";
    case StringPadding::spacePadded: return "spacepad";
  }
  return "nullterm";
}

const char* text(NodeKind kind) {
  switch (kind) {
    case NodeKind::group: return "group";
    case NodeKind::dataset: return "dataset";
    case NodeKind::namedType: return "named type";
    case NodeKind::unknown: break;
  }
  return "unknown";
}

const char* text(Layout layout) {
  switch (layout) {
    case Layout::compact: return "compact";
    case Layout::contiguous: return "contiguous";
    case Layout::chunked: return "chunked";
    case Layout::virtualMapping: return "virtual";
    case Layout::external: return "external";
    case Layout::unknown: break;
  }
  return "unknown";
}

const char* text(FillTime time) {
  switch (time) {
    case FillTime::ifSet: return "if set";
    case FillTime::allocation: return "allocation";
    case FillTime::never: return "never";
  }
  return "if set";
}

const char* text(Hyperslab::Kind kind) {
  switch (kind) {
    case Hyperslab::Kind::all: return "all";
    case Hyperslab::Kind::regular: return "regular";
    case Hyperslab::Kind::boxes: return "boxes";
    case Hyperslab::Kind::none: return "none";
    case Hyperslab::Kind::points: return "points";
  }
  return "none";
}

// Fills in the members that belong to each class of types.
struct TypeMembers {
  nb::dict& out;

  void operator()(const UnsupportedType& t) const {
    out["class"] = "unsupported";
    out["name"] = toText(t.name);
  }
  void operator()(const IntegerType& t) const {
    out["class"] = "integer";
    out["signed"] = t.isSigned;
    out["order"] = text(t.order);
    out["precision"] = t.precision;
    out["offset"] = t.bitOffset;
  }
  void operator()(const FloatType& t) const {
    out["class"] = "float";
    out["order"] = text(t.order);
    // In the order of HDF5's H5Tget_fields, after precision and offset.
    out["layout"] = nb::make_tuple(t.precision, t.bitOffset, t.signPosition, t.exponentPosition, t.exponentSize,
                                   t.mantissaPosition, t.mantissaSize, t.exponentBias);
    out["stores_leading_bit"] = t.storesLeadingBit;
  }
  void operator()(const FixedStringType& t) const {
    out["class"] = "fixed string";
    out["padding"] = text(t.padding);
    out["encoding"] = text(t.characterSet);
  }
  void operator()(const VariableStringType& t) const {
    out["class"] = "variable string";
    out["encoding"] = text(t.characterSet);
  }
  void operator()(const EnumType& t) const {
    out["class"] = "enum";
    out["base"] = toPython(*t.base);
    nb::list members;
    for (const EnumMember& member : t.members) {
      members.append(nb::make_tuple(toText(member.name), toBytes(member.value)));
    }
    out["members"] = members;
  }
  void operator()(const CompoundType& t) const {
    out["class"] = "compound";
    nb::list fields;
    for (const Field& field : t.fields) {
      fields.append(nb::make_tuple(toText(field.name), field.offset, toPython(field.type)));
    }
    out["fields"] = fields;
  }
  void operator()(const ArrayType& t) const {
    out["class"] = "array";
    out["base"] = toPython(*t.element);
    nb::list dimensions;
    for (std::uint32_t extent : t.dimensions) dimensions.append(extent);
    out["dimensions"] = nb::tuple(dimensions);
  }
  void operator()(const SequenceType& t) const {
    out["class"] = "sequence";
    out["base"] = toPython(*t.base);
  }
  void operator()(const OpaqueType& t) const {
    out["class"] = "opaque";
    out["tag"] = toText(t.tag);
  }
  void operator()(const BitfieldType& t) const {
    out["class"] = "bitfield";
    out["order"] = text(t.order);
    out["precision"] = t.precision;
  }
  void operator()(const ObjectReferenceType&) const { out["class"] = "object reference"; }
  void operator()(const RegionReferenceType&) const { out["class"] = "region reference"; }
  void operator()(const AnyReferenceType&) const { out["class"] = "any reference"; }
  void operator()(const ComplexType& t) const {
    out["class"] = "complex";
    out["base"] = toPython(*t.base);
  }
  void operator()(const TimeType&) const { out["class"] = "time"; }
};

nb::object extent(std::uint64_t value) {
  return value == unlimited ? nb::object(nb::none()) : nb::object(nb::int_(value));
}

}  // namespace

nb::dict toPython(const Hyperslab& slab) {
  nb::list dimensions;
  for (const Hyperslab::Dimension& d : slab.dimensions) {
    dimensions.append(nb::make_tuple(d.start, d.stride, extent(d.count), extent(d.block)));
  }
  nb::list boxes;
  for (std::uint64_t corner : slab.boxes) boxes.append(corner);
  nb::dict out;
  out["kind"] = text(slab.kind);
  out["dimensions"] = dimensions;
  out["boxes"] = boxes;
  nb::list points;
  for (std::uint64_t coordinate : slab.points) points.append(coordinate);
  out["points"] = points;
  out["extent"] = toPython(slab.extent);
  return out;
}

nb::str toText(const std::string& text) {
  return nb::steal<nb::str>(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

nb::bytes toBytes(const Bytes& bytes) { return nb::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()); }

Bytes bytesFrom(const nb::bytes& bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.c_str());
  return Bytes(data, data + bytes.size());
}

nb::object toByteArray(Bytes&& bytes) {
  auto* owned = new Bytes(std::move(bytes));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<Bytes*>(p); });
  static std::byte empty{};
  void* data = owned->empty() ? &empty : owned->data();
  return nb::cast(nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(data, {owned->size()}, owner));
}

nb::dict toPython(const DataType& type) {
  nb::dict out;
  out["size"] = type.size();
  out["named"] = type.namedTypeId();
  std::visit(TypeMembers{out}, type.klass());
  return out;
}

nb::tuple toPython(const Shape& shape) {
  nb::list out;
  for (std::uint64_t value : shape) out.append(extent(value));
  return nb::tuple(out);
}

nb::object toPython(const Dataspace& space) {
  if (space.kind == Dataspace::Kind::null) return nb::none();
  if (space.kind == Dataspace::Kind::unknown) throw Unimplemented("the shape is not known: " + space.whyUnknown);
  return nb::make_tuple(toPython(space.shape), toPython(space.maxShape.empty() ? space.shape : space.maxShape));
}

nb::tuple toPython(const Link& link) {
  nb::str name = toText(link.name);
  if (auto* hard = std::get_if<HardLink>(&link.target)) {
    return nb::make_tuple(name, "hard", hard->target, text(hard->kind), link.creationOrder);
  }
  if (auto* soft = std::get_if<SoftLink>(&link.target)) {
    return nb::make_tuple(name, "soft", toText(soft->path), nb::none(), link.creationOrder);
  }
  if (auto* external = std::get_if<ExternalLink>(&link.target)) {
    return nb::make_tuple(name, "external", toText(external->path), toText(external->file), link.creationOrder);
  }
  auto linkClass = std::get<UserDefinedLink>(link.target).linkClass;
  return nb::make_tuple(name, "user-defined", linkClass, nb::none(), link.creationOrder);
}

nb::dict toPython(const DatasetInfo& info) {
  nb::dict out;
  out["type"] = toPython(info.type);
  // Kept apart: a dataset of unknown shape can still be listed, and says why when its shape is asked for.
  if (info.space.kind == Dataspace::Kind::unknown) {
    out["why_unknown"] = toText(info.space.whyUnknown);
  } else {
    out["space"] = toPython(info.space);
  }
  out["layout"] = text(info.layout);
  out["chunks"] = toPython(info.chunkShape);
  nb::list filters;
  for (const Filter& filter : info.filters) {
    nb::list parameters;
    for (std::uint32_t value : filter.parameters) parameters.append(value);
    filters.append(nb::make_tuple(filter.id, filter.flags, toText(filter.name), nb::tuple(parameters)));
  }
  out["filters"] = filters;
  out["fill"] = nb::make_tuple(toByteArray(Bytes(info.fillValue)), toBytes(info.fillHeap));
  out["fill_defined"] = info.fillDefined;
  out["fill_undefined"] = info.fillUndefined;
  out["fill_time"] = text(info.fillTime);
  out["storage_bytes"] = info.storageBytes;
  nb::list files;
  for (const ExternalFile& file : info.externalFiles) {
    files.append(nb::make_tuple(toText(file.name), file.offset, file.size));
  }
  out["external"] = files;
  return out;
}

nb::dict toPython(const NodeInfo& info) {
  if (info.problem) raise(info.problem->code, info.problem->message);
  nb::dict out;
  out["id"] = info.id;
  out["kind"] = text(info.kind);
  if (info.dataset) out["dataset"] = toPython(*info.dataset);
  if (info.type) out["type"] = toPython(*info.type);
  out["link_count"] = info.linkCount;
  out["tracks_order"] = info.tracksOrder;
  out["attributes_track_order"] = info.attributesTrackOrder;
  out["reference_count"] = info.referenceCount;
  return out;
}

nb::dict toPython(const FileInfo& info) {
  nb::dict out;
  out["path"] = toText(info.path);
  out["size"] = info.size;
  out["version"] = toBytes(info.version);
  out["userblock_size"] = info.userBlockSize;
  out["library_version"] = toText(info.libraryVersion);
  out["is_swmr"] = info.isSwmr;
  out["root_id"] = info.rootId;
  return out;
}

nb::list toPython(const Selection& selection) {
  nb::list out;
  for (const Axis& axis : selection.axes()) {
    if (auto* index = std::get_if<std::int64_t>(&axis)) {
      out.append(*index);
    } else if (auto* range = std::get_if<Range>(&axis)) {
      nb::object stop = range->stop == Range::openEnd ? nb::object(nb::none()) : nb::object(nb::int_(range->stop));
      out.append(nb::make_tuple(range->start, stop, range->step));
    } else if (auto* indices = std::get_if<Indices>(&axis)) {
      nb::list values;
      for (std::int64_t value : indices->values) values.append(value);
      out.append(values);
    } else if (std::holds_alternative<Ellipsis>(axis)) {
      out.append(nb::ellipsis());
    } else {
      out.append(nb::none());
    }
  }
  return out;
}

nb::list toPython(const std::vector<VirtualSource>& sources) {
  nb::list out;
  for (const VirtualSource& source : sources) {
    out.append(nb::make_tuple(toText(source.file), toText(source.dataset), toPython(source.virtualSelection),
                              toPython(source.sourceSelection)));
  }
  return out;
}

nb::dict toPython(const Attribute& attribute) {
  nb::dict out;
  out["name"] = toText(attribute.name);
  out["type"] = toPython(attribute.type);
  out["creation_order"] = attribute.creationOrder;
  if (auto* problem = std::get_if<ErrorText>(&attribute.value)) {
    out["problem"] = nb::make_tuple(std::string(name(problem->code)).c_str(), toText(problem->message));
    return out;
  }
  out["space"] = toPython(attribute.space);
  if (auto* value = std::get_if<Attribute::Value>(&attribute.value)) {
    out["value"] = nb::make_tuple(toByteArray(Bytes(value->elements)), toBytes(value->heap));
  }
  return out;
}

nb::list toPython(const std::vector<std::string>& names) {
  nb::list out;
  for (const std::string& name : names) out.append(toText(name));
  return out;
}

nb::tuple toPython(const ReadVersion& version) {
  return nb::make_tuple(toBytes(version.file), toBytes(version.sources));
}

nb::tuple toPython(PackedElements&& packed) {
  nb::list missing = toPython(packed.missingSources);
  nb::dict type = toPython(packed.type);
  return nb::make_tuple(type, toPython(packed.shape), toByteArray(std::move(packed.elements)), toBytes(packed.heap),
                        missing, toPython(packed.version));
}

}  // namespace h5cap::python
