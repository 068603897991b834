// What a server says is checked before it is believed: a table of lies, each of which raises a FileError, soon,
// whatever of the client meets it; without a lie the same calls pass.  Meant for the sanitizers, too.
// Not covered: replies that do not fit their question (faults-test.cc), whole frames and damaged messages
// (tests/cpp/core).
#include <capnp/any.h>
#include <capnp/message.h>
#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "client/src/open/paging.h"
#include "core/wire.h"
#include "h5cap/client.h"
#include "tests/support/fake-server.h"
#include "tests/support/heap-bytes.h"

using namespace h5cap;
using namespace h5cap::test;
using namespace std::chrono_literals;

namespace {

using Said = rpc::NodeInfo::Builder;
using Type = rpc::DataType::Builder;

constexpr std::uint64_t HUGE = 1ull << 62;

std::map<std::string, FakeDataset> sample() {
  FakeDataset strings;
  strings.type = DataType(16, VariableStringType{});
  strings.shape = {4};
  strings.elements.resize(64);
  return {{"/line", counting({1000}, 4, {100})}, {"/strings", strings}};
}

// Lists whose structs are said to have no bytes: as many of them as one likes in a message of a few words.
template <class Builder>
void weightless(Builder builder, unsigned pointer, unsigned count) {
  capnp::toAny(builder).getPointerSection()[pointer].initAsListOfAnyStruct(0, 0, count);
}

constexpr unsigned MANY = 4 << 20;

Type typeOf(Said node) { return node.getDataset().getType(); }

void asInteger(Type type, unsigned bytes) {
  type.setSize(bytes);
  type.initInteger().setPrecision(static_cast<std::uint16_t>(8 * bytes));
}

// An attribute named "a" that is one integer.
rpc::Attribute::Builder attributeIn(Said node) {
  auto attribute = node.initAttributes(1)[0];
  attribute.setName("a");
  asInteger(attribute.initType(), 4);
  attribute.initSpace().initSimple(0);
  attribute.initValue().initElements(4);
  return attribute;
}

void nested(Type type, unsigned depth) {
  for (; depth > 0; --depth) {
    type.setSize(16);
    type = type.initSequence();
  }
  asInteger(type, 4);
}

rpc::HyperslabSelection::Builder sourceIn(Said node) {
  auto source = node.getDataset().initVirtualSources(1)[0];
  source.setFile("a");
  source.setDataset("b");
  source.initSource().setAll();
  auto slab = source.initVirtual();
  slab.setExtent({4, 4});
  return slab;
}

struct NodeLie {
  std::string what;
  std::function<void(Said)> lie;  // about /line
};

const std::vector<NodeLie> NODE_LIES = {
    {"a type nested deeply", [](Said n) { nested(typeOf(n), 40); }},
    {"a type of no bytes", [](Said n) { typeOf(n).setSize(0); }},
    {"a type of too many", [](Said n) { typeOf(n).setSize(~0u); }},
    {"an integer wider than its bytes", [](Said n) { typeOf(n).getInteger().setPrecision(33); }},
    {"an integer that begins behind them", [](Said n) { typeOf(n).getInteger().setBitOffset(65535); }},
    {"a float without room for its exponent", [](Said n) {
       auto real = typeOf(n).initFloat();
       real.setPrecision(32);
       real.setExponentSize(65535);
       real.setExponentPosition(65535);
     }},
    {"a string of places that are too short", [](Said n) { typeOf(n).initVariableString(); }},
    {"a field outside", [](Said n) {
       auto field = typeOf(n).initCompound(1)[0];
       field.setName("f");
       field.setOffset(~0u);
       asInteger(field.initType(), 4);
     }},
    {"fields that overlap", [](Said n) {
       auto fields = typeOf(n).initCompound(2);
       for (unsigned i = 0; i < 2; ++i) {
         fields[i].setName(i ? "f" : "g");
         fields[i].setOffset(i);
         asInteger(fields[i].initType(), 2);
       }
     }},
    {"a field's name with a null byte", [](Said n) {
       auto field = typeOf(n).initCompound(1)[0];
       field.setName(kj::StringPtr("f\0g", 3));
       asInteger(field.initType(), 4);
     }},
    {"fields without bytes", [](Said n) {
       typeOf(n).initCompound(1);
       weightless(typeOf(n), 0, MANY);
     }},
    {"members of another size", [](Said n) {
       auto enumeration = typeOf(n).initEnumeration();
       asInteger(enumeration.initBase(), 4);
       auto member = enumeration.initMembers(1)[0];
       member.setName("m");
       member.initValue(3);
     }},
    {"an enumeration of strings", [](Said n) {
       auto base = typeOf(n).initEnumeration().initBase();
       base.setSize(4);
       base.initFixedString();
     }},
    {"a complex type of integers", [](Said n) {
       typeOf(n).setSize(8);
       asInteger(typeOf(n).initComplex(), 4);
     }},
    {"an array of another size", [](Said n) {
       auto array = typeOf(n).initArray();
       asInteger(array.initElement(), 4);
       array.setDimensions({1u << 31, 1u << 31, 4});
     }},
    {"an array of many axes", [](Said n) {
       auto array = typeOf(n).initArray();
       asInteger(array.initElement(), 4);
       for (auto at : {0}) array.initDimensions(40).set(at, 1);
     }},
    {"a shape of many axes", [](Said n) { n.getDataset().getSpace().initSimple(33); }},
    {"limits of another rank", [](Said n) { n.getDataset().getSpace().setMaxDimensions({1, 2, 3}); }},
    {"chunks of another rank", [](Said n) { n.getDataset().setChunkShape({10, 10}); }},
    {"chunks without elements", [](Said n) { n.getDataset().setChunkShape({0}); }},
    {"a fill value of another size", [](Said n) { n.getDataset().initFillValue(3); }},
    {"a fill value outside its heap", [](Said n) {
       typeOf(n).setSize(16);
       typeOf(n).initVariableString();
       auto value = n.getDataset().initFillValue(16);
       for (auto& byte : value) byte = 0x7f;
     }},
    {"filters without bytes", [](Said n) { weightless(n.getDataset(), 3, MANY); }},
    {"sources without bytes", [](Said n) {
       n.getDataset().initVirtualSources(1);
       weightless(n.getDataset(), 6, MANY);
     }},
    {"a mapping of another rank", [](Said n) { sourceIn(n).initRegular(3); }},
    {"a mapping with strides of zero", [](Said n) {
       for (auto dimension : sourceIn(n).initRegular(2)) dimension.setStride(0);
     }},
    {"boxes of half a corner", [](Said n) { sourceIn(n).setBoxes({0, 0, 1}); }},
    {"points of half a coordinate", [](Said n) { sourceIn(n).setPoints({0, 0, 1}); }},
    {"a source's name with a null byte", [](Said n) {
       sourceIn(n);
       n.getDataset().getVirtualSources()[0].setFile(kj::StringPtr("a\0b", 3));
     }},
    {"links without bytes", [](Said n) { weightless(n, 2, MANY); }},
    {"a link's name with a slash", [](Said n) { n.initLinks(1)[0].setName("../../etc"); }},
    {"a link without a name", [](Said n) { n.initLinks(1); }},
    {"a link's name with a null byte", [](Said n) { n.initLinks(1)[0].setName(kj::StringPtr("f\0g", 3)); }},
    {"a target with a null byte", [](Said n) {
       auto link = n.initLinks(1)[0];
       link.setName("l");
       link.setSoft(kj::StringPtr("f\0g", 3));
     }},
    {"attributes without bytes", [](Said n) { weightless(n, 3, MANY); }},
    {"an attribute with too few bytes", [](Said n) { attributeIn(n).getValue().initElements(3); }},
    {"an attribute with too many", [](Said n) { attributeIn(n).getValue().initElements(4000); }},
    {"an attribute whose size wraps", [](Said n) { attributeIn(n).getSpace().setSimple({HUGE}); }},
    {"an attribute whose shape does", [](Said n) { attributeIn(n).getSpace().setSimple({HUGE, HUGE}); }},
    {"an attribute without elements that has some", [](Said n) { attributeIn(n).getSpace().setNull(); }},
    {"an attribute's name with a null byte", [](Said n) { attributeIn(n).setName(kj::StringPtr("f\0g", 3)); }},
    {"an attribute outside its heap", [](Said n) {
       auto attribute = attributeIn(n);
       attribute.getType().setSize(16);
       attribute.getType().initVariableString();
       auto elements = attribute.getValue().initElements(16);
       for (auto& byte : elements) byte = 0x7f;
       attribute.getValue().initHeap(100);
     }},
    {"sequences that unfold without end", [](Said n) {
       constexpr unsigned LEVELS = 30, PIECE = 2 * 16;  // two places at each level, and both lead to the next one
       auto attribute = attributeIn(n);
       nested(attribute.getType(), LEVELS);
       auto heap = attribute.getValue().initHeap(LEVELS * PIECE);
       for (unsigned level = 0; level + 1 < LEVELS; ++level) {
         for (unsigned at : {level * PIECE, level * PIECE + 16}) {
           heap[at] = static_cast<kj::byte>((level + 1) * PIECE);
           heap[at + 1] = static_cast<kj::byte>((level + 1) * PIECE >> 8);
           heap[at + 8] = 2;
         }
       }
       attribute.getValue().initElements(16)[8] = 2;
     }},
    {"a sequence within a heap that leaves it", [](Said n) {
       auto attribute = attributeIn(n);
       nested(attribute.getType(), 2);
       auto elements = attribute.getValue().initElements(16);
       elements[8] = 1;  // one item from offset 0: a place
       auto heap = attribute.getValue().initHeap(16);
       heap[0] = 8;
       heap[8] = 8;  // eight integers from offset 8
     }},
};

// Whatever of the client meets it.
void look(const Session& session, std::uint32_t snapshotBytes) {
  OpenOptions options;
  options.snapshotBytes = snapshotBytes;
  auto file = session.open("file.h5", options);
  auto line = file.dataset("/line");
  line.info();
  line.view().readPacked();
  line.attributes().find("a");
  file.links();
  file.attributes().find("answer");
  line.refresh();
}

}  // namespace

TEST_CASE("descriptions that cannot be are refused, in answers and in snapshots") {
  FakeServer server(sample());
  Session session = connect(server.url());
  for (auto snapshotBytes : {0u, 1u << 20}) {
    CHECK_NOTHROW(look(session, snapshotBytes));  // the control
    for (auto& row : NODE_LIES) {
      CAPTURE(row.what);
      CAPTURE(snapshotBytes);
      server.lies.lockExclusive()->node = [&row](Said node) {
        if (node.getKind() == rpc::NodeKind::DATASET && !typeOf(node).isVariableString()) row.lie(node);
      };
      const auto before = std::chrono::steady_clock::now();
      CHECK_THROWS_AS(look(session, snapshotBytes), FileError);
      CHECK(std::chrono::steady_clock::now() - before < 5s);
      server.lies.lockExclusive()->node = nullptr;
    }
    CHECK_NOTHROW(look(session, snapshotBytes));  // and the connection is none the worse
  }
}

TEST_CASE("what a file is said to be") {
  FakeServer server(sample());
  Session session = connect(server.url());
  using File = rpc::FileInfo::Builder;
  const std::vector<std::function<void(File)>> lies = {
      [](File f) { f.initVersion(1 << 20); },
      [](File f) { f.setPath(kj::StringPtr("f\0g", 3)); },
  };
  for (auto& lie : lies) {
    server.lies.lockExclusive()->file = lie;
    CHECK_THROWS_AS(session.open("file.h5").wait(), FileError);
  }
  // Larger than anything: what is read of it is what comes.
  server.lies.lockExclusive()->file = [](File f) { f.setSize(~0ull); };
  Bytes bytes(100);
  CHECK_THROWS_AS(session.open("file.h5").readBytes(HUGE, bytes.data(), ~0ull - 5), BadSelection);
  CHECK(session.open("file.h5").readBytes(0, bytes.data(), bytes.size()).count == 100);
}

TEST_CASE("circles in snapshots end") {
  FakeServer server(sample());
  Session session = connect(server.url());
  using Snapshot = rpc::Snapshot::Builder;
  auto group = [](Said node, std::uint64_t id, std::initializer_list<std::pair<const char*, std::uint64_t>> links) {
    node.setId(id);
    node.setKind(rpc::NodeKind::GROUP);
    node.setLinksComplete(true);
    node.setAttributesComplete(true);
    auto list = node.initLinks(static_cast<unsigned>(links.size()) + 1);
    unsigned i = 0;
    for (auto& [name, target] : links) {
      list[i].setName(name);
      list[i].setHard(target);
      list[i++].setKind(rpc::NodeKind::GROUP);
    }
    list[i].setName("soft");
    list[i].setSoft("soft/soft");
  };
  server.lies.lockExclusive()->snapshot = [&](Snapshot snapshot) {
    auto nodes = capnp::Orphanage::getForMessageContaining(snapshot).newOrphan<capnp::List<rpc::NodeInfo>>(4);
    auto list = nodes.get();
    group(list[0], 1, {{"a", 2}, {"self", 1}});
    group(list[1], 2, {{"b", 3}, {"up", 1}});
    group(list[2], 3, {{"a", 2}});
    group(list[3], 2, {{"b", 2}});  // an id that is there already
    snapshot.adoptNodes(kj::mv(nodes));
  };
  OpenOptions options;
  options.snapshotBytes = 1 << 20;
  auto file = session.open("file.h5", options);
  std::string path;
  for (int i = 0; i < 1000; ++i) path += "/a/b/a/up/self";
  CHECK(file.node(path).info()->id == 1);
  CHECK_THROWS_AS(file.node("/a/b/c").info(), NotFound);
  CHECK_THROWS_AS(file.node("/soft").info(), Error);  // the chain of links is too long: asked, and not there
  server.lies.lockExclusive()->snapshot = [](Snapshot snapshot) {
    snapshot.initNodes(1);
    weightless(snapshot, 0, MANY / 4);
  };
  CHECK_THROWS_AS(session.open("file.h5", options).wait(), FileError);
}

TEST_CASE("replies about elements that cannot be") {
  FakeServer server(sample());
  Session session = connect(server.url());
  using Reply = rpc::ReadReply::Builder;
  struct Row {
    std::string what;
    std::function<void(Reply)> lie;
  };
  const std::vector<Row> rows = {
      {"a shape of many axes", [](Reply r) { r.initShape(33); }},
      {"a shape of another rank", [](Reply r) { r.setShape({1000, 1}); }},
      {"a selection of many axes", [](Reply r) { r.initSelected(1000); }},
      {"elements from beyond the end", [](Reply r) { r.setFirst(~0ull); }},
      {"more of them than there are numbers", [](Reply r) { r.setCount(~0ull); }},
      {"a count that wraps", [](Reply r) { r.setCount(HUGE); }},
      {"one value for all that has no bytes", [](Reply r) { r.initFill(0); }},
      {"one value for more than all", [](Reply r) {
         r.initFill(4);
         r.setCount(~0ull);
       }},
      {"a version that is none", [](Reply r) { r.initVersion(1 << 20); }},
      {"nothing, as if it were known", [](Reply r) { r.setUnchanged(); }},
  };
  for (auto known : {false, true}) {
    for (auto& row : rows) {
      CAPTURE(row.what);
      CAPTURE(known);
      auto line = session.open("file.h5").dataset("/line");
      if (known) line.info();
      server.lies.lockExclusive()->reply = row.lie;
      CHECK_THROWS_AS(line.view().readPacked(), FileError);
      std::vector<std::uint32_t> target(1000);
      CHECK_THROWS_AS(line.view().readPackedInto(reinterpret_cast<std::byte*>(target.data()), 4000), FileError);
      CHECK_THROWS_AS(line[points({{1}, {5}})].readPacked(), FileError);
      server.lies.lockExclusive()->reply = nullptr;
      CHECK(line.view().readPacked().elements.size() == 4000);  // the control
    }
  }
}

TEST_CASE("what a reference leads to") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  const std::string path = "/line";
  Bytes token(path.size());
  std::memcpy(token.data(), path.data(), path.size());
  CHECK_NOTHROW(file.dereference(token));
  using Slab = rpc::HyperslabSelection::Builder;
  const std::vector<std::function<void(Slab)>> lies = {
      [](Slab s) { s.initExtent(40); },
      [](Slab s) {
        s.setExtent({1000, 2});
        s.setPoints({1, 2, 3});
      },
      [](Slab s) { s.initRegular(40); },
      [](Slab s) {
        s.initRegular(1);
        weightless(s, 0, MANY);
      },
  };
  for (auto& lie : lies) {
    server.lies.lockExclusive()->stored = lie;
    CHECK_THROWS_AS(file.dereference(token), FileError);
  }
}

// Lists that go on for ever.

namespace {

std::string numbered(std::uint64_t number) { return "name " + std::to_string(number); }

// A page of names as a hostile server makes them.
struct Page {
  std::string what;
  unsigned items;
  std::function<std::string(std::uint64_t page)> next;
  std::function<std::string(std::uint64_t page, unsigned item)> name;
};

const std::vector<Page> PAGES = {
    {"the same cursor again", 1, [](auto) { return "again"; }, [](auto page, auto) { return numbered(page); }},
    {"two in turn", 1, [](auto page) { return numbered(page % 2); }, [](auto page, auto) { return numbered(page); }},
    {"a long circle", 1, [](auto page) { return numbered(page % 500); },
     [](auto page, auto) { return numbered(page); }},
    {"nothing on any page", 0, [](auto page) { return numbered(page); }, [](auto, auto) { return ""; }},
    {"more than was asked for", 1001, [](auto page) { return numbered(page); },
     [](auto, auto item) { return numbered(item); }},
    {"a cursor of megabytes", 1, [](auto page) { return std::string(1 << 20, 'x') + numbered(page); },
     [](auto page, auto) { return numbered(page); }},
    {"long names for ever", 1000, [](auto page) { return numbered(page); },
     [](auto page, auto item) { return std::string(4000, 'x') + numbered(page * 1000 + item); }},
};

kj::ArrayPtr<const kj::byte> asBytes(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

template <class List>
void fill(const Page& page, std::uint64_t number, List list) {
  for (unsigned i = 0; i < list.size(); ++i) list[i].setName(page.name(number, i).c_str());
}

void tell(FakeServer& server, const Page& page) {
  auto lies = server.lies.lockExclusive();
  server.pages = 0;
  lies->entries = [&page](auto number, auto results) {
    fill(page, number, results.initEntries(page.items));
    results.setNext(asBytes(page.next(number)));
  };
  lies->links = [&page](auto number, auto results) {
    fill(page, number, results.initLinks(page.items));
    results.setNext(asBytes(page.next(number)));
  };
  lies->attributes = [&page](auto number, auto results) {
    auto list = results.initAttributes(page.items);
    fill(page, number, list);
    for (auto attribute : list) {
      asInteger(attribute.initType(), 4);
      attribute.initSpace().initSimple(0);
      attribute.initValue().initElements(4);
    }
    results.setNext(asBytes(page.next(number)));
  };
  lies->node = [](Said node) {
    node.setLinksComplete(false);
    node.setAttributesComplete(false);
  };
}

}  // namespace

TEST_CASE("lists that never end are refused") {
  FakeServer server(sample());
  Session session = connect(server.url());
  for (auto& page : PAGES) {
    CAPTURE(page.what);
    tell(server, page);
    const auto before = heapBytes();
    auto file = session.open("file.h5");
    auto line = file.dataset("/line");
    const std::vector<std::pair<std::string, std::function<void()>>> lists = {
        {"entries", [&] { session.list(); }},
        {"links", [&] { file.links(); }},
        {"attributes", [&] { line.attributes().list(); }},
    };
    for (auto& [what, list] : lists) {
      CAPTURE(what);
      server.pages = 0;
      CHECK_THROWS_AS(list(), FileError);
      CHECK(server.pages <= 501);
      CHECK(heapBytes() < before + (300 << 20));
    }
  }
}

TEST_CASE("long lists that end are whole") {
  FakeServer server(sample());
  Session session = connect(server.url());
  const Page page{"", 1000, [](auto number) { return number < 19 ? numbered(number) : ""; },
                  [](auto number, auto item) { return numbered(number * 1000 + item); }};
  tell(server, page);
  CHECK(session.list().size() == 20'000);
  server.pages = 0;
  auto file = session.open("file.h5");
  CHECK(file.links().size() == 20'000);
  server.pages = 0;
  CHECK(file.dataset("/line").attributes().list().size() == 20'000);
}

TEST_CASE("pages are counted, whatever they have") {
  detail::Paging paging("list", {2500, 1 << 20});
  auto next = [](std::uint64_t number) { return Bytes{std::byte(number), std::byte(number >> 8)}; };
  paging.take(1000, 10, next(1));
  paging.take(1000, 10, next(2));
  CHECK_THROWS_AS(paging.take(1000, 10, next(3)), FileError);
  detail::Paging small("list", {1 << 20, 100});
  small.take(1, 60, next(1));
  try {
    small.take(1, 60, next(2));
    FAIL("no limit");
  } catch (const FileError& error) {
    CHECK(error.code() == ErrorCode::tooLarge);
  }
  detail::Paging whole("list");
  whole.take(0, 0, {});  // an empty list
  CHECK(whole.isAtEnd());
}

TEST_CASE("names of a folder that are none") {
  FakeServer server(sample());
  Session session = connect(server.url());
  using namespace std::string_literals;
  for (auto name : {"", ".", "..", "a/b", "../../etc/passwd"}) {
    CAPTURE(name);
    const std::string lie = name;
    server.lies.lockExclusive()->entries = [&lie](auto, auto results) {
      results.initEntries(1)[0].setName(lie.c_str());
    };
    CHECK_THROWS_AS(session.list(), FileError);
  }
  server.lies.lockExclusive()->entries = [](auto, auto results) {
    results.initEntries(1);
    weightless(results, 0, MANY);
  };
  CHECK_THROWS_AS(session.list(), FileError);
}
