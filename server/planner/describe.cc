#include "server/planner/describe.h"

#include <new>

#include "server/planner/attribute-list.h"
#include "server/planner/link-list.h"
#include "server/planner/newer-attributes.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_LINKS = 1000;
constexpr std::size_t MAX_ATTRIBUTES = 1000;
constexpr std::size_t MAX_ATTRIBUTE_BYTES = 64 << 10;
constexpr std::size_t ATTRIBUTE_OVERHEAD = 128;  // about, on the wire, besides name and value

std::size_t sizeOf(const Attribute& attribute) {
  const auto* value = std::get_if<Attribute::Value>(&attribute.value);
  return ATTRIBUTE_OVERHEAD + attribute.name.size() +
         (value == nullptr ? 0 : value->elements.size() + value->heap.size());
}

void addAttributes(hid_t object, hsize_t count, NodeInfo& node) {
  if (count > MAX_ATTRIBUTES) return;
  std::size_t bytes = 0;
  if (count > 0) {
    for (const AttributeName& name : attributeNames(object, node.id)) {
      node.attributes.push_back(listAttribute(object, node.id, name));
      bytes += sizeOf(node.attributes.back());
      if (bytes > MAX_ATTRIBUTE_BYTES) {
        node.attributes.clear();
        return;
      }
    }
  }
  node.attributesComplete = node.attributes.size() == count;  // there may be some that libhdf5 can say no name of
}

bool tracksAttributes(hid_t creationList) {
  unsigned flags = 0;
  return H5Pget_attr_creation_order(creationList, &flags) >= 0 && (flags & H5P_CRT_ORDER_TRACKED) != 0;
}

// Damage to the list of names or attributes leaves the object as it is: who asks for the list is told.
template <class Fill>
void unlessDamaged(Fill fill) {
  try {
    fill();
  } catch (const FileError& error) {
    if (error.code() != ErrorCode::fileProblem) throw;
  }
}

void describeGroup(hid_t group, NodeInfo& node) {
  Handle creation = own(H5Gget_create_plist(group), "read the group's properties");
  node.attributesTrackOrder = tracksAttributes(creation.get());
  unsigned flags = 0;
  node.tracksOrder = H5Pget_link_creation_order(creation.get(), &flags) >= 0 && (flags & H5P_CRT_ORDER_TRACKED) != 0;
  H5G_info_t info;
  check(H5Gget_info(group, &info), "count the links");
  node.linkCount = info.nlinks;
  if (info.nlinks > MAX_LINKS) return;
  unlessDamaged([&] {
    std::vector<Link> links;
    for (const LinkName& link : linkNames(group)) links.push_back(readLink(group, link));
    node.links = std::move(links);
    node.linksComplete = true;
  });
}

void describeKind(hid_t object, Detail detail, NodeInfo& node) {
  switch (node.kind) {
    case NodeKind::group:
      describeGroup(object, node);
      break;
    case NodeKind::dataset: {
      Handle creation = own(H5Dget_create_plist(object), "read the dataset's properties");
      node.attributesTrackOrder = tracksAttributes(creation.get());
      node.dataset = describeDataset(object, creation.get(), Detail::cheap);
      if (detail == Detail::full) node.dataset = describeDataset(object, creation.get(), Detail::full);
      break;
    }
    case NodeKind::namedType: {
      Handle creation = own(H5Tget_create_plist(object), "read the datatype's properties");
      node.attributesTrackOrder = tracksAttributes(creation.get());
      node.type = mapType(object).type;
      break;
    }
    case NodeKind::unknown:
      throw Unimplemented("an object that is no group, dataset or named datatype");
  }
}

NodeKind kindOf(H5O_type_t type) {
  switch (type) {
    case H5O_TYPE_GROUP:
      return NodeKind::group;
    case H5O_TYPE_DATASET:
      return NodeKind::dataset;
    case H5O_TYPE_NAMED_DATATYPE:
      return NodeKind::namedType;
    default:
      return NodeKind::unknown;
  }
}

}  // namespace

NodeInfo describeNode(const OpenFile& file, ObjectId id, Detail detail) {
  NodeInfo node;
  node.id = id;
  try {
    Handle object = file.object(id);
    H5O_info_t info;
    check(H5Oget_info2(object.get(), &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS), "look at the object");
    node.kind = kindOf(info.type);
    node.referenceCount = info.rc;
    describeKind(object.get(), detail, node);
    unlessDamaged([&] { addAttributes(object.get(), info.num_attrs + newerAttributes(id).size(), node); });
  } catch (const Error& error) {
    node.problem = ErrorText{error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    node.problem = ErrorText{ErrorCode::tooLarge, "it does not fit into the planner's memory"};
  }
  return node;
}

}  // namespace h5cap::hdf5
