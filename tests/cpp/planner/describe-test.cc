// What is told of objects: snapshots with cycles, shared objects and limits; attributes; variable-length elements;
// storage of datasets that are not chunked.  Types class by class are compared with h5py in tests/conformance.
#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "core/wire.h"
#include "tests/cpp/planner/planner-process.h"
#include "tests/cpp/planner/sample-file.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

std::vector<NodeInfo> snapshot(PlannerProcess& planner, std::uint32_t maxBytes, bool& truncated) {
  auto reply = planner.ask([&](auto request) {
    auto snapshot = request.initSnapshot();
    snapshot.setMaxBytes(maxBytes);
    snapshot.setMaxMs(10000);
  });
  REQUIRE_MESSAGE(reply.isSnapshot(), errorOf(reply));
  truncated = reply.getSnapshot().getTruncated();
  std::vector<NodeInfo> nodes;
  for (auto node : reply.getSnapshot().getNodes()) nodes.push_back(wire::read(node));
  return nodes;
}

// Texts that packed places in `elements` name in `heap`.
std::vector<std::string> texts(const Bytes& elements, const Bytes& heap) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at + 16 <= elements.size(); at += 16) {
    std::uint64_t offset, count;
    std::memcpy(&offset, elements.data() + at, 8);
    std::memcpy(&count, elements.data() + at + 8, 8);
    REQUIRE(offset + count <= heap.size());
    result.emplace_back(reinterpret_cast<const char*>(heap.data()) + offset, count);
  }
  return result;
}

Attribute attribute(PlannerProcess& planner, ObjectId owner, const char* name) {
  auto reply = planner.ask([&](auto request) {
    auto attribute = request.initAttribute();
    attribute.setOwner(owner);
    attribute.setName(name);
  });
  REQUIRE_MESSAGE(reply.isAttribute(), errorOf(reply));
  return wire::read(reply.getAttribute());
}

Storage storage(PlannerProcess& planner, ObjectId id) {
  auto reply = planner.ask([&](auto request) { request.setStorage(id); });
  REQUIRE_MESSAGE(reply.isStorage(), errorOf(reply));
  return wire::read(reply.getStorage());
}

}  // namespace

TEST_CASE("a snapshot has every object once, though hard links form cycles") {
  SampleFile file("cycles.h5");
  file.numbers("a/b/data", {1, 2});
  file.hard("a/b/up", "/a");
  file.hard("a/b/again", "/a/b/data");
  file.hard("self", "/");
  file.external("out", "nowhere.h5", "/");
  file.close();
  PlannerProcess planner(file.path());
  ObjectId root = planner.open();
  bool truncated = true;
  std::vector<NodeInfo> nodes = snapshot(planner, 1 << 20, truncated);
  CHECK_FALSE(truncated);
  CHECK(nodes.size() == 4);
  CHECK(nodes[0].id == root);
  CHECK(nodes[0].referenceCount == 2);
  std::set<ObjectId> ids;
  for (const NodeInfo& node : nodes) {
    ids.insert(node.id);
    CHECK_FALSE(node.problem.has_value());
    for (const Link& link : node.links) {
      if (const auto* hard = std::get_if<HardLink>(&link.target)) CHECK(hard->kind != NodeKind::unknown);
    }
  }
  CHECK(ids.size() == 4);
}

TEST_CASE("a snapshot keeps to its size, says so, and always has the root") {
  SampleFile file("large.h5");
  for (int i = 0; i < 300; ++i) file.numbers("g" + std::to_string(i) + "/data", {i});
  file.close();
  PlannerProcess planner(file.path());
  planner.open();
  bool truncated = false;
  std::size_t last = 0;
  for (std::uint32_t maxBytes : {1u, 40'000u, 80'000u}) {
    std::vector<NodeInfo> nodes = snapshot(planner, maxBytes, truncated);
    CHECK(truncated);
    CHECK(nodes.size() > last);
    CHECK(nodes.size() < 601);
    last = nodes.size();
  }
  CHECK(snapshot(planner, 4 << 20, truncated).size() == 601);
  CHECK_FALSE(truncated);
}

TEST_CASE("attributes: small values are there, large ones on demand, unreadable ones do not spoil the rest") {
  SampleFile file("attributes.h5");
  file.group("g");
  std::int32_t number = 42;
  file.attribute("g", "number", H5T_NATIVE_INT32, {1}, &number);
  std::vector<double> large(2000, 1.5);
  file.attribute("g", "large", H5T_NATIVE_DOUBLE, {2000}, large.data());
  hid_t text = variableString();
  const char* words[] = {"alpha", "", "gamma"};
  file.attribute("g", "words", text, {3}, words);
  H5Tclose(text);
  hobj_ref_t reference{};
  REQUIRE(H5Rcreate(&reference, file.id(), "/g", H5R_OBJECT, -1) >= 0);
  file.attribute("g", "reference", H5T_STD_REF_OBJ, {1}, &reference);
  std::int32_t seconds = 7;
  file.attribute("g", "time", H5T_UNIX_D32LE, {1}, &seconds);
  file.close();

  PlannerProcess planner(file.path());
  planner.open();
  NodeInfo group = planner.node("g");
  REQUIRE(group.attributesComplete);
  REQUIRE(group.attributes.size() == 5);
  CHECK(group.attributes[0].name == "large");
  CHECK(std::get<Attribute::Omitted>(group.attributes[0].value).bytes == 16000);
  CHECK(group.attributes[1].name == "number");
  CHECK(std::memcmp(std::get<Attribute::Value>(group.attributes[1].value).elements.data(), &number, 4) == 0);
  CHECK(std::get<Attribute::Value>(group.attributes[2].value).elements.size() == sizeof reference);
  CHECK(std::get<ErrorText>(group.attributes[3].value).code == ErrorCode::unimplemented);
  const auto& value = std::get<Attribute::Value>(group.attributes[4].value);
  CHECK(texts(value.elements, value.heap) == std::vector<std::string>{"alpha", "", "gamma"});

  Bytes whole = std::get<Attribute::Value>(attribute(planner, group.id, "large").value).elements;
  REQUIRE(whole.size() == 16000);
  CHECK(std::memcmp(whole.data(), large.data(), whole.size()) == 0);
  auto missing = planner.ask([&](auto request) {
    auto attribute = request.initAttribute();
    attribute.setOwner(group.id);
    attribute.setName("nothing");
  });
  CHECK(errorOf(missing).find("notFound") == 0);
}

TEST_CASE("variable-length elements are read by the library, in any order of indices") {
  SampleFile file("strings.h5");
  hid_t text = variableString();
  hid_t dataset = file.dataset("words", text, {5});
  const char* words[] = {"zero", "one", "", "three", "four"};
  H5Dwrite(dataset, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, words);
  H5Dclose(dataset);
  H5Tclose(text);
  file.close();
  PlannerProcess planner(file.path());
  planner.open();
  ObjectId id = planner.id("words");
  CHECK(std::holds_alternative<LibraryOnly>(storage(planner, id)));
  struct Case {
    RegionAxis axis;
    std::vector<std::string> texts;
  };
  for (const Case& c : {Case{{0, 1, 5, {}, false}, {"zero", "one", "", "three", "four"}},
                        Case{{0, 2, 3, {}, false}, {"zero", "", "four"}},
                        Case{{0, 1, 4, {4, 0, 1, 4}, false}, {"four", "zero", "one", "four"}}}) {
    auto reply = planner.ask([&](auto request) {
      auto elements = request.initElements();
      elements.setSource(id);
      wire::writeRegion(Region{{c.axis}}, elements.initRegion(1));
    });
    REQUIRE_MESSAGE(reply.isElements(), errorOf(reply));
    auto elements = reply.getElements();
    CHECK(texts(wire::readBytes(elements.getPacked()), wire::readBytes(elements.getHeap())) == c.texts);
  }
  auto outside = planner.ask([&](auto request) {
    auto elements = request.initElements();
    elements.setSource(id);
    wire::writeRegion(Region{{RegionAxis{3, 1, 3, {}, false}}}, elements.initRegion(1));
  });
  CHECK(errorOf(outside).find("badSelection") == 0);
}

TEST_CASE("contiguous and compact data is where the plan says, behind a user block too") {
  for (std::uint64_t userBlock : {0, 512}) {
    SampleFile file("plain.h5", Format::earliest, userBlock);
    file.numbers("contiguous", {10, 20, 30});
    H5Dclose(file.dataset("late", H5T_STD_I32LE, {3}));
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_COMPACT);
    hid_t compact = file.dataset("compact", H5T_STD_I32LE, {3}, {}, list);
    const std::int32_t values[] = {10, 20, 30};
    H5Dwrite(compact, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(compact);
    file.close();
    std::string expected(reinterpret_cast<const char*>(values), sizeof values);

    PlannerProcess planner(file.path());
    planner.open();
    auto contiguous = std::get<ContiguousStorage>(storage(planner, planner.id("contiguous")));
    CHECK(bytesAt(file.path(), contiguous.address, contiguous.size) == expected);
    auto inlined = std::get<InlineBytes>(storage(planner, planner.id("compact")));
    CHECK(std::string(reinterpret_cast<const char*>(inlined.bytes.data()), inlined.bytes.size()) == expected);
    CHECK(std::holds_alternative<Unallocated>(storage(planner, planner.id("late"))));
  }
}

TEST_CASE("a virtual dataset tells its mappings; one that grows has no shape, and its sources are not opened") {
  SampleFile file("virtual.h5");
  hsize_t shape[] = {2, 4}, row[] = {4}, grown[] = {H5S_UNLIMITED, 4};
  hid_t source = H5Screate_simple(1, row, nullptr);
  hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, nullptr);
  for (hsize_t i = 0; i < 2; ++i) {
    hsize_t start[] = {i, 0}, count[] = {1, 4};
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr);
    REQUIRE(H5Pset_virtual(list, space, i == 0 ? "." : "missing.h5", "/row", source) >= 0);
  }
  H5Dclose(file.dataset("fixed", H5T_STD_I16LE, {2, 4}, {}, list));
  list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t start[] = {0, 0}, stride[] = {1, 1}, count[] = {H5S_UNLIMITED, 1}, block[] = {1, 4};
  hid_t growing = H5Screate_simple(2, shape, grown);
  H5Sselect_hyperslab(growing, H5S_SELECT_SET, start, stride, count, block);
  REQUIRE(H5Pset_virtual(list, growing, "part-%b.h5", "/row", source) >= 0);
  H5Dclose(file.dataset("growing", H5T_STD_I16LE, {2, 4}, {H5S_UNLIMITED, 4}, list));
  for (hid_t id : {source, space, growing}) H5Sclose(id);
  file.close();

  PlannerProcess planner(file.path());
  planner.open();
  NodeInfo fixed = planner.node("fixed");
  REQUIRE(fixed.dataset.has_value());
  CHECK(fixed.dataset->space.shape == Shape{2, 4});
  auto sources = std::get<VirtualStorage>(storage(planner, fixed.id)).sources;
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].file == ".");
  CHECK(sources[1].file == "missing.h5");
  CHECK(sources[1].dataset == "/row");
  CHECK_FALSE(sources[1].isPattern);
  REQUIRE(sources[1].virtualSelection.kind == Hyperslab::Kind::regular);
  CHECK(sources[1].virtualSelection.dimensions[0].start == 1);
  CHECK(sources[1].virtualSelection.extent == Shape{2, 4});

  NodeInfo unknown = planner.node("growing");
  REQUIRE_MESSAGE(unknown.dataset.has_value(), (unknown.problem ? unknown.problem->message : ""));
  CHECK(unknown.dataset->space.kind == Dataspace::Kind::unknown);
  CHECK(std::get<VirtualStorage>(storage(planner, unknown.id)).sources[0].isPattern);
}

namespace {

// `count` mappings of one element each, all of one source.
void manyMappings(SampleFile& file, const std::string& name, hsize_t count) {
  hsize_t one[] = {1}, shape[] = {count};
  hid_t source = H5Screate_simple(1, one, nullptr), space = H5Screate_simple(1, shape, nullptr);
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  for (hsize_t i = 0; i < count; ++i) {
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &i, nullptr, one, nullptr);
    REQUIRE(H5Pset_virtual(list, space, "source.h5", "/x", source) >= 0);
  }
  H5Dclose(file.dataset(name, H5T_STD_I16LE, {count}, {}, list));
  H5Sclose(source);
  H5Sclose(space);
}

}  // namespace

TEST_CASE("a virtual dataset of more than 1,000 mappings was described as having none") {
  SampleFile file("mappings.h5");
  manyMappings(file, "many", 3000);
  file.close();
  PlannerProcess planner(file.path());
  planner.open();
  CHECK(planner.node("many").dataset->virtualSources.empty());  // not asked for
  NodeInfo many = planner.describe(planner.id("many"));
  CHECK_FALSE(many.problem);
  REQUIRE(many.dataset->virtualSources.size() == 3000);
  CHECK(many.dataset->virtualSources[2999].virtualSelection.dimensions.at(0).start == 2999);
}

TEST_CASE("mappings that are too many to list are a problem that is named, beside all that is known") {
  SampleFile file("long-names.h5");
  hsize_t one[] = {1}, shape[] = {1200};
  hid_t source = H5Screate_simple(1, one, nullptr), space = H5Screate_simple(1, shape, nullptr);
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  const std::string name(30'000, 'n');
  for (hsize_t i = 0; i < shape[0]; ++i) {
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &i, nullptr, one, nullptr);
    REQUIRE(H5Pset_virtual(list, space, name.c_str(), "/x", source) >= 0);
  }
  H5Dclose(file.dataset("long", H5T_STD_I16LE, {shape[0]}, {}, list));
  H5Sclose(source);
  H5Sclose(space);
  file.close();
  PlannerProcess planner(file.path());
  planner.open();
  NodeInfo node = planner.describe(planner.id("long"));
  REQUIRE(node.problem);
  CHECK(node.problem->code == ErrorCode::tooLarge);
  CHECK(node.problem->message.find("virtual mappings") != std::string::npos);
  REQUIRE(node.dataset);
  CHECK(node.dataset->space.shape == Shape{1200});
}

TEST_CASE("when a fill value is written is told") {
  SampleFile file("fill-times.h5");
  const struct {
    const char* name;
    H5D_fill_time_t time;
    FillTime expected;
  } table[] = {{"never", H5D_FILL_TIME_NEVER, FillTime::never},
               {"allocation", H5D_FILL_TIME_ALLOC, FillTime::allocation},
               {"if-set", H5D_FILL_TIME_IFSET, FillTime::ifSet}};
  for (const auto& entry : table) {
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    REQUIRE(H5Pset_fill_time(list, entry.time) >= 0);
    H5Dclose(file.dataset(entry.name, H5T_STD_I16LE, {4}, {}, list));
  }
  file.close();
  PlannerProcess planner(file.path());
  planner.open();
  for (const auto& entry : table) {
    CAPTURE(entry.name);
    CHECK(planner.node(entry.name).dataset->fillTime == entry.expected);
  }
}
