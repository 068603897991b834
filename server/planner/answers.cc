#include "server/planner/answers.h"

#include <algorithm>

#include "core/wire.h"
#include "server/planner/attribute-list.h"
#include "server/planner/chunk-plan.h"
#include "server/planner/describe.h"
#include "server/planner/element-read.h"
#include "server/planner/reference.h"
#include "server/planner/resolve.h"
#include "server/planner/storage-plan.h"
#include "server/planner/walk.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_PAGE_LINKS = 20000;
constexpr std::size_t MAX_PAGE_ATTRIBUTES = 4000;

std::string asText(capnp::Data::Reader data) { return {reinterpret_cast<const char*>(data.begin()), data.size()}; }

capnp::Data::Reader asData(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

// At least one byte of a value, and no more than an answer holds.
ByteRange rangeOf(rpc::PartRange::Reader range) {
  return {range.getFirst(), std::clamp<std::uint64_t>(range.getMost(), 1, MAX_ELEMENT_REPLY_BYTES)};
}

void write(const ValuePart& part, ByteRange range, rpc::DataPart::Builder data) {
  data.setFirst(range.first);
  data.setTotal(part.total);
  data.setBytes(wire::asData(part.bytes));
}

// The page behind `cursor`, which is the last name of the page before.
template <class Name>
struct Page {
  const Name* begin;
  const Name* end;
  std::string next;  // empty at the end
};

template <class Name>
Page<Name> pageOf(const std::vector<Name>& names, const std::string& cursor, std::size_t limit) {
  const Name* last = names.data() + names.size();
  const Name* begin = cursor.empty() ? names.data()
                                     : std::upper_bound(names.data(), last, cursor,
                                                        [](const std::string& a, const Name& b) { return a < b.name; });
  const Name* end = begin + std::min<std::size_t>(last - begin, std::max<std::size_t>(limit, 1));
  return {begin, end, end == last || begin == end ? std::string() : end[-1].name};
}

}  // namespace

const OpenFile& Answers::file() const {
  if (!file_) throw Failed("the planner was asked before it opened its file");
  return *file_;
}

void Answers::open(rpc::PlannerReply::Builder reply) {
  if (!file_) file_.emplace(descriptor_);
  wire::write(file_->info(), reply.initOpened());
}

void Answers::snapshot(rpc::PlannerRequest::Snapshot::Reader request, rpc::PlannerReply::Builder reply) {
  WalkResult result = walk(file(), {request.getMaxBytes(), std::chrono::milliseconds(request.getMaxMs())});
  auto snapshot = reply.initSnapshot();
  snapshot.setTruncated(result.truncated);
  auto nodes = snapshot.initNodes(static_cast<unsigned>(result.nodes.size()));
  for (unsigned i = 0; i < nodes.size(); ++i) wire::write(result.nodes[i], nodes[i]);
}

void Answers::resolve(rpc::PlannerRequest::Resolve::Reader request, rpc::PlannerReply::Builder reply) {
  Follow follow = request.getFollowLast() == rpc::Follow::YES ? Follow::yes : Follow::no;
  Resolved resolved = resolvePath(file(), request.getBase(), request.getPath().cStr(), follow, request.getMaxLinks());
  auto resolution = reply.initResolved();
  if (const auto* node = std::get_if<ResolvedNode>(&resolved)) {
    wire::write(describeNode(file(), node->id, Detail::cheap), resolution.initNode());
  } else if (const auto* link = std::get_if<Link>(&resolved)) {
    wire::write(*link, resolution.initLink());
  } else if (const auto* external = std::get_if<ResolvedExternal>(&resolved)) {
    auto target = resolution.initExternal();
    target.setFile(external->link.file.c_str());
    target.setPath(external->link.path.c_str());
    target.setRest(external->rest.c_str());
    target.setLinksLeft(external->linksLeft);
  } else {
    resolution.setMissing(std::get<ResolvedMissing>(resolved).component.c_str());
  }
}

const std::vector<LinkName>& Answers::namesOf(hid_t group, ObjectId id) {
  if (listedGroup_ != id || listedNames_.empty()) {
    listedGroup_ = 0;
    listedNames_ = linkNames(group);
    listedGroup_ = id;
  }
  return listedNames_;
}

void Answers::links(rpc::PlannerRequest::Links::Reader request, rpc::PlannerReply::Builder reply) {
  Handle group = file().group(request.getGroup());
  const std::vector<LinkName>& names = namesOf(group.get(), request.getGroup());
  std::size_t limit = std::min<std::size_t>(request.getLimit(), MAX_PAGE_LINKS);
  auto page = pageOf(names, asText(request.getCursor()), limit);
  auto links = reply.initLinks();
  links.setTotal(names.size());
  links.setNext(asData(page.next));
  auto list = links.initPage(static_cast<unsigned>(page.end - page.begin));
  for (unsigned i = 0; i < list.size(); ++i) wire::write(readLink(group.get(), page.begin[i]), list[i]);
}

void Answers::attributes(rpc::PlannerRequest::Attributes::Reader request, rpc::PlannerReply::Builder reply) {
  Handle object = file().object(request.getObject());
  std::vector<AttributeName> names = attributeNames(object.get(), request.getObject());
  std::size_t limit = std::min<std::size_t>(request.getAttributeLimit(), MAX_PAGE_ATTRIBUTES);
  auto page = pageOf(names, asText(request.getAttributeCursor()), limit);
  auto attributes = reply.initAttributes();
  attributes.setAttributeTotal(names.size());
  attributes.setAttributeNext(asData(page.next));
  auto list = attributes.initAttributePage(static_cast<unsigned>(page.end - page.begin));
  for (unsigned i = 0; i < list.size(); ++i) {
    wire::write(listAttribute(object.get(), request.getObject(), page.begin[i]), list[i]);
  }
}

void Answers::attribute(rpc::PlannerRequest::Attribute::Reader request, rpc::PlannerReply::Builder reply) {
  Handle owner = file().object(request.getOwner());
  wire::write(readAttribute(owner.get(), request.getOwner(), request.getName().cStr()), reply.initAttribute());
}

void Answers::chunks(rpc::PlannerRequest::Chunks::Reader request, rpc::PlannerReply::Builder reply) {
  std::vector<ChunkExtent> extents = planChunks(file(), request.getDataset(), wire::readShape(request.getFirst()),
                                                wire::readShape(request.getCount()));
  auto list = reply.initChunks(static_cast<unsigned>(extents.size()));
  for (unsigned i = 0; i < list.size(); ++i) wire::write(extents[i], list[i]);
}

void Answers::elements(rpc::PlannerRequest::Elements::Reader request, rpc::PlannerReply::Builder reply) {
  std::vector<std::uint64_t> points;
  for (auto coordinate : request.getPoints()) points.push_back(coordinate);
  PackedData read = readElements(file(), request.getSource(), wire::readRegion(request.getRegion()), points);
  auto elements = reply.initElements();
  elements.setPacked(wire::asData(read.elements));
  elements.setHeap(wire::asData(read.heap));
}

void Answers::elementPart(rpc::PlannerRequest::ElementPart::Reader request, rpc::PlannerReply::Builder reply) {
  std::vector<std::uint64_t> at;
  for (auto coordinate : request.getCoordinates()) at.push_back(coordinate);
  std::vector<std::uint32_t> fields;
  for (auto offset : request.getFieldOffsets()) fields.push_back(offset);
  const ByteRange range = rangeOf(request.getRange());
  write(largeValues_.element(file(), request.getPartSource(), at, fields, range), range, reply.initPart());
}

void Answers::attributePart(rpc::PlannerRequest::AttributePart::Reader request, rpc::PlannerReply::Builder reply) {
  const ByteRange range = rangeOf(request.getPart());
  Attribute attribute;
  auto part = largeValues_.attribute(file(), request.getPartOwner(), request.getPartName().cStr(), range, attribute);
  auto answer = reply.initAttributePart();
  wire::write(attribute, answer.initPartOf());
  write(part, range, answer.initValue());
}

void Answers::dereference(capnp::Data::Reader token, rpc::PlannerReply::Builder reply) {
  Referenced found = hdf5::dereference(file(), std::as_bytes(std::span(token.begin(), token.size())));
  auto answer = reply.initDereferenced();
  wire::write(found.target, answer.initTarget());
  answer.setPath(kj::StringPtr(found.path.c_str(), found.path.size()));
  wire::write(found.stored, answer.initStored());
}

void Answers::answer(rpc::PlannerRequest::Reader request, rpc::PlannerReply::Builder reply) {
  switch (request.which()) {
    case rpc::PlannerRequest::OPEN:
      return open(reply);
    case rpc::PlannerRequest::SNAPSHOT:
      return snapshot(request.getSnapshot(), reply);
    case rpc::PlannerRequest::RESOLVE:
      return resolve(request.getResolve(), reply);
    case rpc::PlannerRequest::DESCRIBE:
      return wire::write(describeNode(file(), request.getDescribe(), Detail::full), reply.initNode());
    case rpc::PlannerRequest::LINKS:
      return links(request.getLinks(), reply);
    case rpc::PlannerRequest::ATTRIBUTES:
      return attributes(request.getAttributes(), reply);
    case rpc::PlannerRequest::ATTRIBUTE:
      return attribute(request.getAttribute(), reply);
    case rpc::PlannerRequest::STORAGE:
      return wire::write(planStorage(file(), request.getStorage()), reply.initStorage());
    case rpc::PlannerRequest::CHUNKS:
      return chunks(request.getChunks(), reply);
    case rpc::PlannerRequest::ELEMENTS:
      return elements(request.getElements(), reply);
    case rpc::PlannerRequest::ELEMENT_PART:
      return elementPart(request.getElementPart(), reply);
    case rpc::PlannerRequest::ATTRIBUTE_PART:
      return attributePart(request.getAttributePart(), reply);
    case rpc::PlannerRequest::REFRESH:
      largeValues_.forget();
      return reply.setRefreshed(file().isLive());
    case rpc::PlannerRequest::DEREFERENCE:
      return dereference(request.getDereference(), reply);
  }
  throw Unimplemented("a question that this planner does not know");
}

}  // namespace h5cap::hdf5
