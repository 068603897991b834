// Files, nodes and what is known about them, on the wire.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/checked-size.h"
#include "core/heap.h"
#include "core/wire-checks.h"
#include "core/wire.h"

namespace h5cap::wire {

namespace {

using Space = rpc::Dataspace;
using Slab = rpc::HyperslabSelection;

constexpr unsigned MAX_FILTERS = 32;                  // H5Z_MAX_NFILTERS
constexpr std::uint64_t MAX_CHUNK_EXTENT = INT64_MAX;  // beyond 32 bits since HDF5 2.0
constexpr std::size_t MAX_VERSION_BYTES = 4096;

// The extent need not be known, and then only the boxes of an even number of corners are.
void checkRanks(const Hyperslab& slab) {
  const std::size_t rank = slab.extent.size();
  const bool isKnown = rank != 0;
  const bool fits = isKnown ? slab.boxes.size() % (2 * rank) == 0 && slab.points.size() % rank == 0
                            : slab.boxes.size() % 2 == 0;
  const bool isRegular = slab.kind == Hyperslab::Kind::regular;
  if (!fits || (isRegular && isKnown && slab.dimensions.size() != rank)) invalid("a selection of another rank");
  for (auto& dimension : slab.dimensions) {
    if (dimension.stride == 0) invalid("a selection with a stride of zero");
  }
}

// Elements whose places lead to what is there: the others count on it.
void checkHeap(const DataType& type, Bytes& elements, Bytes& heap) {
  if (!type.hasVariable() || elements.empty()) return;
  checkUnfolded(type, elements, heap);
  Heap checked;
  checked.append(type, elements, heap);
  heap = checked.take();
}

}  // namespace

Version readVersion(capnp::Data::Reader reader) {
  if (reader.size() > MAX_VERSION_BYTES) invalid(fmt::format("a version of {} bytes", reader.size()));
  return readBytes(reader);
}

Hyperslab read(Slab::Reader reader) {
  Hyperslab slab;
  slab.extent = readShape(reader.getExtent());
  switch (reader.which()) {
    case Slab::ALL:
      slab.kind = Hyperslab::Kind::all;
      break;
    case Slab::REGULAR:
      slab.kind = Hyperslab::Kind::regular;
      checkRank(reader.getRegular().size());
      for (auto from : counted<Slab::Dimension>(reader.getRegular())) {
        slab.dimensions.push_back({from.getStart(), from.getStride(), from.getCount(), from.getBlock()});
      }
      break;
    case Slab::BOXES:
      slab.kind = Hyperslab::Kind::boxes;
      slab.boxes.reserve(reader.getBoxes().size());
      for (auto corner : reader.getBoxes()) slab.boxes.push_back(corner);
      break;
    case Slab::NONE:
      slab.kind = Hyperslab::Kind::none;
      break;
    case Slab::POINTS:
      slab.kind = Hyperslab::Kind::points;
      slab.points.reserve(reader.getPoints().size());
      for (auto coordinate : reader.getPoints()) slab.points.push_back(coordinate);
      break;
    default:
      throw Unimplemented("an unknown kind of hyperslab");
  }
  checkRanks(slab);
  return slab;
}

void write(const Hyperslab& slab, Slab::Builder builder) {
  writeShape(slab.extent, builder.initExtent(listSize(slab.extent.size())));
  switch (slab.kind) {
    case Hyperslab::Kind::all:
      builder.setAll();
      break;
    case Hyperslab::Kind::none:
      builder.setNone();
      break;
    case Hyperslab::Kind::boxes:
      writeShape(slab.boxes, builder.initBoxes(listSize(slab.boxes.size())));
      break;
    case Hyperslab::Kind::points:
      writeShape(slab.points, builder.initPoints(listSize(slab.points.size())));
      break;
    case Hyperslab::Kind::regular: {
      auto dimensions = builder.initRegular(listSize(slab.dimensions.size()));
      for (unsigned k = 0; k < dimensions.size(); ++k) {
        dimensions[k].setStart(slab.dimensions[k].start);
        dimensions[k].setStride(slab.dimensions[k].stride);
        dimensions[k].setCount(slab.dimensions[k].count);
        dimensions[k].setBlock(slab.dimensions[k].block);
      }
      break;
    }
  }
}

namespace {

ExternalFile readExternal(rpc::ExternalFile::Reader reader) {
  return {readText(reader.getName()), reader.getOffset(), reader.getSize()};
}

void writeExternal(const ExternalFile& file, rpc::ExternalFile::Builder builder) {
  builder.setName(asText(file.name));
  builder.setOffset(file.offset);
  builder.setSize(file.size);
}

template <class List, class Values>
void writeAll(const Values& values, List list) {
  for (unsigned i = 0; i < list.size(); ++i) write(values[i], list[i]);
}

template <class Value, class Wire>
std::vector<Value> readAll(typename capnp::List<Wire>::Reader list) {
  std::vector<Value> values;
  for (auto item : counted<Wire>(list)) values.push_back(read(item));
  return values;
}

}  // namespace

Dataspace read(rpc::Dataspace::Reader reader) {
  Dataspace space;
  switch (reader.which()) {
    case Space::NULL_:
      space.kind = Dataspace::Kind::null;
      return space;
    case Space::SIMPLE:
      space.kind = Dataspace::Kind::simple;
      space.shape = readShape(reader.getSimple());
      break;
    case Space::UNKNOWN:
      space.kind = Dataspace::Kind::unknown;
      space.whyUnknown = readText(reader.getUnknown());
      space.shape = readShape(reader.getStored());
      break;
    default:
      throw Unimplemented("an unknown kind of dataspace");
  }
  space.maxShape = readShape(reader.getMaxDimensions());
  if (space.maxShape.empty()) space.maxShape = space.shape;
  if (space.maxShape.size() != space.shape.size()) invalid("a maximal shape of another rank");
  for (auto extent : space.shape)
    if (extent == unlimited) invalid("an extent without limit");
  return space;
}

void write(const Dataspace& space, rpc::Dataspace::Builder builder) {
  switch (space.kind) {
    case Dataspace::Kind::null:
      builder.setNull();
      return;
    case Dataspace::Kind::simple:
      writeShape(space.shape, builder.initSimple(listSize(space.shape.size())));
      break;
    case Dataspace::Kind::unknown:
      builder.setUnknown(asText(space.whyUnknown));
      writeShape(space.shape, builder.initStored(listSize(space.shape.size())));
      break;
  }
  if (space.maxShape == space.shape) return;
  writeShape(space.maxShape, builder.initMaxDimensions(listSize(space.maxShape.size())));
}

Link read(rpc::Link::Reader reader) {
  Link link;
  link.name = readText(reader.getName());
  if (!isLinkName(link.name)) invalid("a link with a name that no path leads to");
  link.characterSet = readEnum(reader.getCharacterSet(), CharacterSet::utf8, "character set");
  link.creationOrder = reader.getCreationOrder();
  switch (reader.which()) {
    case rpc::Link::HARD:
      link.target = HardLink{reader.getHard(), readEnum(reader.getKind(), NodeKind::namedType, "kind of node")};
      return link;
    case rpc::Link::SOFT:
      link.target = SoftLink{readText(reader.getSoft())};
      return link;
    case rpc::Link::EXTERNAL:
      link.target = ExternalLink{readText(reader.getExternal().getFile()), readText(reader.getExternal().getPath())};
      return link;
    case rpc::Link::USER_DEFINED:
      link.target = UserDefinedLink{reader.getUserDefined()};
      return link;
  }
  throw Unimplemented("an unknown kind of link");
}

void write(const Link& link, rpc::Link::Builder builder) {
  builder.setName(asText(link.name));
  builder.setCharacterSet(static_cast<rpc::CharacterSet>(link.characterSet));
  builder.setCreationOrder(link.creationOrder);
  if (const auto* hard = std::get_if<HardLink>(&link.target)) {
    builder.setHard(hard->target);
    builder.setKind(static_cast<rpc::NodeKind>(hard->kind));
  } else if (const auto* soft = std::get_if<SoftLink>(&link.target)) {
    builder.setSoft(asText(soft->path));
  } else if (const auto* external = std::get_if<ExternalLink>(&link.target)) {
    auto group = builder.initExternal();
    group.setFile(asText(external->file));
    group.setPath(asText(external->path));
  } else {
    builder.setUserDefined(std::get<UserDefinedLink>(link.target).linkClass);
  }
}

Filter read(rpc::Filter::Reader reader) {
  Filter filter{reader.getId(), reader.getFlags(), readText(reader.getName()), {}};
  for (auto parameter : reader.getParameters()) filter.parameters.push_back(parameter);
  return filter;
}

void write(const Filter& filter, rpc::Filter::Builder builder) {
  builder.setId(filter.id);
  builder.setFlags(filter.flags);
  builder.setName(asText(filter.name));
  auto parameters = builder.initParameters(listSize(filter.parameters.size()));
  for (unsigned i = 0; i < parameters.size(); ++i) parameters.set(i, filter.parameters[i]);
}

VirtualSource read(rpc::VirtualSource::Reader reader) {
  return {readText(reader.getFile()), readText(reader.getDataset()), read(reader.getVirtual()),
          read(reader.getSource()), reader.getIsPattern()};
}

void write(const VirtualSource& source, rpc::VirtualSource::Builder builder) {
  builder.setFile(asText(source.file));
  builder.setDataset(asText(source.dataset));
  write(source.virtualSelection, builder.initVirtual());
  write(source.sourceSelection, builder.initSource());
  builder.setIsPattern(source.isPattern);
}

std::vector<Filter> readFilters(capnp::List<rpc::Filter>::Reader list) {
  if (list.size() > MAX_FILTERS) invalid("a pipeline of more filters than HDF5 has");
  return readAll<Filter, rpc::Filter>(list);
}

std::vector<VirtualSource> readSources(capnp::List<rpc::VirtualSource>::Reader list) {
  return readAll<VirtualSource, rpc::VirtualSource>(list);
}

std::vector<ExternalFile> readExternalFiles(capnp::List<rpc::ExternalFile>::Reader list) {
  std::vector<ExternalFile> files;
  for (auto file : counted<rpc::ExternalFile>(list)) files.push_back(readExternal(file));
  return files;
}

Shape readChunkShape(capnp::List<std::uint64_t>::Reader list) {
  Shape shape = readShape(list);
  for (auto extent : shape) {
    if (extent == 0) invalid("chunks without extent");
    if (extent > MAX_CHUNK_EXTENT) invalid("chunks larger than HDF5 has");
  }
  return shape;
}

DatasetInfo read(rpc::DatasetInfo::Reader reader) {
  DatasetInfo info;
  info.type = read(reader.getType());
  info.space = read(reader.getSpace());
  info.layout = readEnum(reader.getLayout(), Layout::external, "layout");
  info.chunkShape = readChunkShape(reader.getChunkShape());
  if (info.chunkShape.size() != (info.layout == Layout::chunked ? info.space.shape.size() : 0))
    invalid("chunks of another rank than the dataset");
  info.filters = readFilters(reader.getFilters());
  info.fillValue = readBytes(reader.getFillValue());
  if (!info.fillValue.empty() && info.fillValue.size() != info.type.size()) {
    invalid("a fill value that is not one element");
  }
  info.fillHeap = readBytes(reader.getFillHeap());
  checkHeap(info.type, info.fillValue, info.fillHeap);
  info.fillDefined = reader.getFillDefined();
  info.fillUndefined = reader.getFillUndefined();
  info.fillTime = readEnum(reader.getFillTime(), FillTime::never, "time of filling");
  info.storageBytes = reader.getStorageBytes();
  info.virtualSources = readSources(reader.getVirtualSources());
  info.externalFiles = readExternalFiles(reader.getExternalFiles());
  return info;
}

void write(const DatasetInfo& info, rpc::DatasetInfo::Builder builder) {
  write(info.type, builder.initType());
  write(info.space, builder.initSpace());
  builder.setLayout(static_cast<rpc::Layout>(info.layout));
  writeShape(info.chunkShape, builder.initChunkShape(listSize(info.chunkShape.size())));
  writeAll(info.filters, builder.initFilters(listSize(info.filters.size())));
  builder.setFillValue(asData(info.fillValue));
  builder.setFillHeap(asData(info.fillHeap));
  builder.setFillDefined(info.fillDefined);
  builder.setFillUndefined(info.fillUndefined);
  builder.setFillTime(static_cast<rpc::FillTime>(info.fillTime));
  builder.setStorageBytes(info.storageBytes);
  writeAll(info.virtualSources, builder.initVirtualSources(listSize(info.virtualSources.size())));
  auto files = builder.initExternalFiles(listSize(info.externalFiles.size()));
  for (unsigned i = 0; i < files.size(); ++i) writeExternal(info.externalFiles[i], files[i]);
}

Attribute read(rpc::Attribute::Reader reader) {
  Attribute attribute;
  attribute.name = readText(reader.getName());
  attribute.type = read(reader.getType());
  attribute.space = read(reader.getSpace());
  attribute.characterSet = readEnum(reader.getCharacterSet(), CharacterSet::utf8, "character set");
  attribute.creationOrder = reader.getCreationOrder();
  switch (reader.which()) {
    case rpc::Attribute::VALUE: {
      Attribute::Value value{readBytes(reader.getValue().getElements()), readBytes(reader.getValue().getHeap())};
      const CheckedSize count = attribute.space.kind == Dataspace::Kind::null ? 0 : productOf(attribute.space.shape);
      if ((count * attribute.type.size()).fits() != value.elements.size()) {
        invalid("an attribute whose value does not have its shape");
      }
      checkHeap(attribute.type, value.elements, value.heap);
      attribute.value = std::move(value);
      return attribute;
    }
    case rpc::Attribute::OMITTED:
      attribute.value = Attribute::Omitted{reader.getOmitted()};
      return attribute;
    case rpc::Attribute::UNREADABLE:
      attribute.value = read(reader.getUnreadable());
      return attribute;
  }
  throw Unimplemented("an unknown kind of attribute value");
}

void write(const Attribute& attribute, rpc::Attribute::Builder builder) {
  builder.setName(asText(attribute.name));
  write(attribute.type, builder.initType());
  write(attribute.space, builder.initSpace());
  builder.setCharacterSet(static_cast<rpc::CharacterSet>(attribute.characterSet));
  builder.setCreationOrder(attribute.creationOrder);
  if (const auto* value = std::get_if<Attribute::Value>(&attribute.value)) {
    auto group = builder.initValue();
    group.setElements(asData(value->elements));
    group.setHeap(asData(value->heap));
  } else if (const auto* omitted = std::get_if<Attribute::Omitted>(&attribute.value)) {
    builder.setOmitted(omitted->bytes);
  } else {
    write(std::get<ErrorText>(attribute.value), builder.initUnreadable());
  }
}

std::vector<Link> readLinks(capnp::List<rpc::Link>::Reader list) { return readAll<Link, rpc::Link>(list); }

std::vector<Attribute> readAttributes(capnp::List<rpc::Attribute>::Reader list) {
  return readAll<Attribute, rpc::Attribute>(list);
}

NodeInfo read(rpc::NodeInfo::Reader reader) {
  NodeInfo info;
  info.id = reader.getId();
  info.kind = readEnum(reader.getKind(), NodeKind::namedType, "kind of node");
  if (reader.hasDataset()) info.dataset = read(reader.getDataset());
  if (reader.hasType()) info.type = read(reader.getType());
  info.linkCount = reader.getLinkCount();
  info.links = readLinks(reader.getLinks());
  info.linksComplete = reader.getLinksComplete();
  info.attributes = readAttributes(reader.getAttributes());
  info.attributesComplete = reader.getAttributesComplete();
  info.tracksOrder = reader.getTracksOrder();
  info.attributesTrackOrder = reader.getAttributesTrackOrder();
  info.referenceCount = reader.getReferenceCount();
  if (reader.hasProblem()) info.problem = read(reader.getProblem());
  if (info.dataset.has_value() != (info.kind == NodeKind::dataset) && !info.problem) invalid("a node of another kind");
  if (info.type && info.kind != NodeKind::namedType) invalid("a node of another kind");
  return info;
}

void write(const NodeInfo& info, rpc::NodeInfo::Builder builder) {
  builder.setId(info.id);
  builder.setKind(static_cast<rpc::NodeKind>(info.kind));
  if (info.dataset) write(*info.dataset, builder.initDataset());
  if (info.type) write(*info.type, builder.initType());
  builder.setLinkCount(info.linkCount);
  writeAll(info.links, builder.initLinks(listSize(info.links.size())));
  builder.setLinksComplete(info.linksComplete);
  writeAll(info.attributes, builder.initAttributes(listSize(info.attributes.size())));
  builder.setAttributesComplete(info.attributesComplete);
  builder.setTracksOrder(info.tracksOrder);
  builder.setAttributesTrackOrder(info.attributesTrackOrder);
  builder.setReferenceCount(info.referenceCount);
  if (info.problem) write(*info.problem, builder.initProblem());
}

// What is not known yet keeps nothing.
VersionStability readStability(rpc::VersionStability stability) {
  return stability == rpc::VersionStability::SETTLED ? VersionStability::settled : VersionStability::unsettled;
}

rpc::VersionStability asStability(VersionStability stability) {
  return stability == VersionStability::settled ? rpc::VersionStability::SETTLED : rpc::VersionStability::UNSETTLED;
}

FileInfo read(rpc::FileInfo::Reader reader) {
  return {readText(reader.getPath()),           reader.getSize(),
          readVersion(reader.getVersion()),       reader.getUserBlockSize(),
          readText(reader.getLibraryVersion()), reader.getIsSwmr(),
          reader.getRootId(),
          readStability(reader.getStability())};
}

void write(const FileInfo& info, rpc::FileInfo::Builder builder) {
  builder.setPath(asText(info.path));
  builder.setSize(info.size);
  builder.setVersion(asData(info.version));
  builder.setUserBlockSize(info.userBlockSize);
  builder.setLibraryVersion(asText(info.libraryVersion));
  builder.setIsSwmr(info.isSwmr);
  builder.setRootId(info.rootId);
  builder.setStability(asStability(info.stability));
}

DirectoryEntry read(rpc::DirectoryEntry::Reader reader) {
  auto name = readText(reader.getName());
  const bool isNone = name.empty() || name == "." || name == ".." || name.find('/') != name.npos;
  if (isNone) invalid("an entry of a folder whose name is none");
  return {std::move(name), reader.getIsDirectory(), reader.getSize(), reader.getModifiedNs()};
}

void write(const DirectoryEntry& entry, rpc::DirectoryEntry::Builder builder) {
  builder.setName(asText(entry.name));
  builder.setIsDirectory(entry.isDirectory);
  builder.setSize(entry.size);
  builder.setModifiedNs(entry.modifiedNs);
}

}  // namespace h5cap::wire
