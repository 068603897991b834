// What no file and no honest peer has is refused where it is read, field by field: each lie is told in a description
// that reads well without it.  Not covered: types by themselves (wire-test.cc); chance damage (mutation-test.cc).
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "core/wire.h"
#include "h5cap/error.h"

using namespace h5cap;

namespace {

DataType bytesType(std::uint32_t size) { return DataType(size, FixedStringType{}); }

NodeInfo honest() {
  NodeInfo node;
  node.id = 7;
  node.kind = NodeKind::dataset;
  DatasetInfo dataset;
  dataset.type = DataType(8, CompoundType{{{"a", 0, bytesType(3)}, {"b", 3, bytesType(5)}}});
  dataset.space = {Dataspace::Kind::simple, {6, 8}, {unlimited, 8}, ""};
  dataset.layout = Layout::chunked;
  dataset.chunkShape = {2, 4};
  dataset.filters = {{1, 0, "deflate", {6}}};
  dataset.fillValue = Bytes(8);
  dataset.virtualSources = {{"a.h5", "/x", {Hyperslab::Kind::regular, {{1, 2, 3, 1}}, {}, {9}},
                             {Hyperslab::Kind::boxes, {}, {0, 2}, {3}}, false}};
  dataset.externalFiles = {{"raw", 5, 6}};
  node.dataset = dataset;
  node.links = {{"h", CharacterSet::utf8, HardLink{9, NodeKind::group}, 3}};
  Attribute attribute;
  attribute.name = "units";
  attribute.type = bytesType(2);
  attribute.space = {Dataspace::Kind::simple, {3}, {3}, ""};
  attribute.value = Attribute::Value{Bytes(6), {}};
  node.attributes = {attribute};
  return node;
}

using Lie = std::function<void(rpc::NodeInfo::Builder)>;

const std::pair<const char*, Lie> LIES[] = {
    {"a dataset without a description", [](auto node) { node.disownDataset(); }},
    {"a group with a dataset's description", [](auto node) { node.setKind(rpc::NodeKind::GROUP); }},
    {"an unknown kind", [](auto node) { node.setKind(static_cast<rpc::NodeKind>(77)); }},
    {"an unknown layout", [](auto node) { node.getDataset().setLayout(static_cast<rpc::Layout>(77)); }},
    {"fields that overlap", [](auto node) { node.getDataset().getType().getCompound()[0].getType().setSize(4); }},
    {"a field outside", [](auto node) { node.getDataset().getType().getCompound()[1].setOffset(4); }},
    {"a field far outside", [](auto node) { node.getDataset().getType().getCompound()[1].setOffset(0xfffffffd); }},
    {"a type of no bytes", [](auto node) { node.getDataset().getType().setSize(0); }},
    {"a type of 4 GiB", [](auto node) { node.getDataset().getType().setSize(0xffffffff); }},
    {"an extent without limit", [](auto node) { node.getDataset().getSpace().getSimple().set(0, unlimited); }},
    {"a shape of 33 axes", [](auto node) { node.getDataset().getSpace().initSimple(33); }},
    {"a maximal shape of another rank", [](auto node) { node.getDataset().getSpace().initMaxDimensions(1).set(0, 9); }},
    {"no chunks", [](auto node) { node.getDataset().disownChunkShape(); }},
    {"chunks of another rank", [](auto node) { node.getDataset().initChunkShape(1).set(0, 1); }},
    {"chunks of no extent", [](auto node) { node.getDataset().getChunkShape().set(1, 0); }},
    {"chunks of 2^63", [](auto node) { node.getDataset().getChunkShape().set(1, std::uint64_t{1} << 63); }},
    {"chunks of what is not chunked", [](auto node) { node.getDataset().setLayout(rpc::Layout::CONTIGUOUS); }},
    {"33 filters", [](auto node) { node.getDataset().initFilters(33); }},
    {"a fill value of another size", [](auto node) { node.getDataset().initFillValue(7); }},
    {"a mapping of another rank",
     [](auto node) { node.getDataset().getVirtualSources()[0].getVirtual().initExtent(2); }},
    {"half a box", [](auto node) { node.getDataset().getVirtualSources()[0].getSource().initBoxes(3); }},
    {"a source with a zero byte", [](auto node) { node.getDataset().getVirtualSources()[0].setFile({"a\0b", 3}); }},
    {"a raw file with a zero byte", [](auto node) { node.getDataset().getExternalFiles()[0].setName({"a\0b", 3}); }},
    {"a link without a name", [](auto node) { node.getLinks()[0].setName(""); }},
    {"a link with a slash", [](auto node) { node.getLinks()[0].setName("a/b"); }},
    {"a link with a zero byte", [](auto node) { node.getLinks()[0].setName({"a\0b", 3}); }},
    {"a link's target with a zero byte", [](auto node) { node.getLinks()[0].setSoft({"a\0b", 3}); }},
    {"an attribute with a zero byte", [](auto node) { node.getAttributes()[0].setName({"a\0b", 3}); }},
    {"a value of another size", [](auto node) { node.getAttributes()[0].getValue().initElements(5); }},
    {"a value of too many elements",
     [](auto node) { node.getAttributes()[0].getSpace().getSimple().set(0, (std::uint64_t{1} << 63) + 3); }},
};

}  // namespace

TEST_CASE("a description with one lie in it is refused") {
  {
    capnp::MallocMessageBuilder message;
    auto node = message.initRoot<rpc::NodeInfo>();
    wire::write(honest(), node);
    CHECK(wire::read(node.asReader()).id == 7);  // the control
  }
  for (const auto& [name, lie] : LIES) {
    CAPTURE(name);
    capnp::MallocMessageBuilder message;
    auto node = message.initRoot<rpc::NodeInfo>();
    wire::write(honest(), node);
    lie(node);
    try {
      wire::read(node.asReader());
      FAIL_CHECK("it was read");
    } catch (const FileError& error) {
      CHECK(error.code() == ErrorCode::fileProblem);
    } catch (const Unimplemented&) {  // of a newer peer, perhaps
    }
  }
}

// One word claims a million structs of no size, each of which would read as defaults.
TEST_CASE("a list whose elements are not there is refused at once") {
  alignas(8) const std::uint32_t words[] = {
      0, 5 << 16,                    // the root: a node of no data and five pointers
      0, 0, 0, 0,                    // dataset, type
      (2 << 2) | 1, 7,               // links: a list of structs that takes no word after its tag
      0, 0, 0, 0,                    // attributes, problem
      (1u << 20) << 2, 0,            // its tag: so many elements of no size
  };
  kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words), sizeof words / 8);
  capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&segment, 1));
  auto node = reader.getRoot<rpc::NodeInfo>();
  CHECK(node.getLinks().size() == 1u << 20);
  CHECK_THROWS_AS(wire::read(node), FileError);
}

TEST_CASE("an error that is written down does not end a connection") {
  capnp::MallocMessageBuilder message;
  auto error = message.initRoot<rpc::Error>();
  error.setCode(rpc::ErrorCode::DISCONNECTED);
  CHECK(wire::read(error.asReader()).code == ErrorCode::failed);
  error.setCode(rpc::ErrorCode::TOO_LARGE);
  CHECK(wire::read(error.asReader()).code == ErrorCode::tooLarge);
}
