// Values that cross the wire come back equal; what a hostile peer may send is refused; exceptions keep their class.
// Not covered: connections.
#include <capnp/message.h>
#include <doctest/doctest.h>
#include <kj/debug.h>

#include "core/wire.h"
#include "h5cap/error.h"

using namespace h5cap;

namespace {

template <class Struct, class Value>
Value across(const Value& value) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<Struct>();
  wire::write(value, builder);
  return wire::read(builder.asReader());
}

SharedType share(DataType type) { return std::make_shared<const DataType>(std::move(type)); }

DataType int16() { return DataType(2, IntegerType{true, ByteOrder::big, 16, 0}); }

std::vector<DataType> allTypes() {
  DataType text(16, VariableStringType{StringPadding::nullTerminated, CharacterSet::utf8});
  DataType boolean(1, EnumType{share(DataType(1, IntegerType{true, ByteOrder::little, 8, 0})),
                               {{"FALSE", {std::byte{0}}}, {"TRUE", {std::byte{1}}}}});
  DataType float64(8, FloatType{ByteOrder::little, 64, 0, 52, 11, 0, 52, 63, 1023});
  DataType array(12, ArrayType{share(int16()), {2, 3}});
  return {
      int16(), float64, text, boolean, array,
      DataType(10, FixedStringType{StringPadding::spacePadded, CharacterSet::utf8}),
      DataType(38, CompoundType{{{"x", 0, float64}, {"s", 8, text}, {"a", 24, array}, {"n", 36, int16()}}}, 77),
      DataType(16, SequenceType{share(array)}),
      DataType(5, OpaqueType{"tag"}),
      DataType(1, BitfieldType{ByteOrder::little, 3}),
      DataType(8, ObjectReferenceType{}),
      DataType(12, RegionReferenceType{}),
      DataType(16, ComplexType{share(float64)}),
      DataType(4, TimeType{}),
      DataType(16, AnyReferenceType{}),
      DataType(0, UnsupportedType{"H5T_NEW"}),
  };
}

// What wire::read says about a type that `change` spoilt.
template <class Change>
void checkRefused(DataType type, Change change) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<rpc::DataType>();
  wire::write(type, builder);
  CHECK(wire::read(builder.asReader()) == type);
  change(builder);
  CHECK_THROWS_AS(wire::read(builder.asReader()), FileError);
}

kj::Exception remote(kj::Exception::Type type, const char* text) {
  return kj::Exception(type, "file", 1, kj::str(text));
}

template <class Class>
void checkRethrown(const kj::Exception& exception, ErrorCode code, const char* message) {
  try {
    wire::rethrow(exception);
  } catch (const Class& error) {
    CHECK(error.code() == code);
    CHECK(std::string(error.what()) == message);
    return;
  } catch (const std::exception& error) {
    FAIL_CHECK("another class: " << error.what());
    return;
  }
}

}  // namespace

TEST_CASE("datatypes come back equal, and unequal ones stay so") {
  auto types = allTypes();
  for (std::size_t i = 0; i < types.size(); ++i) {
    CAPTURE(describe(types[i]));
    CHECK(across<rpc::DataType>(types[i]) == types[i]);
    for (std::size_t j = 0; j < types.size(); ++j) CHECK((types[i] == types[j]) == (i == j));
  }
  CHECK(describe(types[3]) == "bool");
  CHECK(types[3].isBoolean());
  CHECK(describe(types[6]) ==
        "compound {x: float64 little-endian, s: variable-length string, UTF-8, "
        "a: array [2, 3] of int16 big-endian, n: int16 big-endian}");
  CHECK(types[6].hasVariable());
  CHECK_FALSE(types[4].hasVariable());
  CHECK(types[6].unsupportedReason().empty());
  CHECK(types[12].unsupportedReason().empty());
  CHECK(types[14].hasVariable());
  DataType nested(8, CompoundType{{{"at", 0, DataType(8, TimeType{})}}});
  CHECK(nested.unsupportedReason() == "HDF5's time type (in field 'at')");
}

TEST_CASE("hostile datatypes are refused") {
  auto types = allTypes();
  using Builder = rpc::DataType::Builder;
  checkRefused(types[0], [](Builder type) { type.setSize(0); });
  checkRefused(types[0], [](Builder type) { type.setSize(1); });
  checkRefused(types[0], [](Builder type) { type.setSize(0x40000000); });
  checkRefused(types[1], [](Builder type) { type.getFloat().setExponentPosition(60); });
  checkRefused(types[2], [](Builder type) { type.setSize(8); });
  checkRefused(types[3], [](Builder type) { type.setSize(2); });
  checkRefused(types[3], [](Builder type) { type.getEnumeration().getMembers()[0].initValue(3); });
  checkRefused(types[4], [](Builder type) { type.getArray().getDimensions().set(0, 3); });
  checkRefused(types[4], [](Builder type) {
    auto dimensions = type.getArray().initDimensions(4);
    for (unsigned k = 0; k < 4; ++k) dimensions.set(k, 0x80000000);
  });
  checkRefused(types[6], [](Builder type) { type.getCompound()[3].setOffset(37); });
  checkRefused(types[6], [](Builder type) { type.getCompound()[3].setOffset(0xffffffff); });
  checkRefused(types[12], [](Builder type) { type.setSize(8); });

  capnp::MallocMessageBuilder message;
  auto type = message.initRoot<rpc::DataType>();
  for (auto [depth, inner] = std::pair(0, type); depth < 40; ++depth) {
    inner.setSize(16);
    inner = inner.initSequence();
  }
  CHECK_THROWS_AS(wire::read(type.asReader()), FileError);
}

TEST_CASE("selections come back equal, with the ellipsis expanded first") {
  Selection selection{3, -1, all, range(-5, 7, 2), Indices{{4, -2}}};
  CHECK(across<rpc::Selection>(selection) == selection);
  Selection open{0, ellipsis, range(2)};
  CHECK_THROWS_AS(across<rpc::Selection>(open), BadSelection);
  CHECK(wire::expandEllipsis(open, 4) == Selection{0, all, all, range(2)});
  CHECK(wire::expandEllipsis(open, 2) == Selection{0, range(2)});
  CHECK_THROWS_AS(wire::expandEllipsis(open, 1), BadSelection);
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<rpc::Selection>();
  builder.initAxes(1)[0].initRange().setStep(0);
  CHECK_THROWS_AS(wire::read(builder.asReader()), BadSelection);
  builder.initAxes(33);
  CHECK_THROWS_AS(wire::read(builder.asReader()), BadSelection);
}

TEST_CASE("regions come back equal, and none reaches beyond 64 bits") {
  auto region = resolve({range(1, 9, 3), Indices{{2, 0}}, range(3, 3)}, {9, 9, 9});
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<rpc::PlannerRequest>().initElements().initRegion(3);
  wire::writeRegion(region, list);
  CHECK(wire::readRegion(list.asReader()) == region);
  list[0].setStep(~0ull);
  CHECK_THROWS_AS(wire::readRegion(list.asReader()), FileError);
  list[0].setStep(0);
  CHECK_THROWS_AS(wire::readRegion(list.asReader()), FileError);
}

TEST_CASE("a node with everything in it comes back as it was") {
  NodeInfo node;
  node.id = 7;
  node.kind = NodeKind::dataset;
  DatasetInfo dataset;
  dataset.type = int16();
  dataset.space = {Dataspace::Kind::simple, {3, 4}, {unlimited, 4}, ""};
  dataset.layout = Layout::chunked;
  dataset.chunkShape = {1, 4};
  dataset.filters = {{32008, 1, "bitshuffle", {0, 3, 2, 0, 2}}};
  dataset.fillValue = {std::byte{1}, std::byte{2}};
  dataset.fillTime = FillTime::never;
  dataset.virtualSources = {{"a.h5", "/x", {Hyperslab::Kind::regular, {{1, 2, 3, 1}}, {}, {9}},
                             {Hyperslab::Kind::boxes, {}, {0, 2}, {3}}, true}};
  dataset.externalFiles = {{"raw", 5, 6}};
  node.dataset = dataset;
  node.links = {{"h", CharacterSet::utf8, HardLink{9, NodeKind::group}, 3},
                {"s", CharacterSet::ascii, SoftLink{"/a"}, -1},
                {"e", CharacterSet::ascii, ExternalLink{"f.h5", "/b"}, -1},
                {"u", CharacterSet::ascii, UserDefinedLink{65}, -1}};
  Attribute attribute;
  attribute.name = "units";
  attribute.type = int16();
  attribute.space = {Dataspace::Kind::simple, {2}, {2}, ""};
  attribute.value = Attribute::Value{Bytes(4, std::byte{5}), {}};
  node.attributes = {attribute};
  node.problem = ErrorText{ErrorCode::missingFilter, "no decoder"};

  auto back = across<rpc::NodeInfo>(node);
  REQUIRE(back.dataset);
  CHECK(back.dataset->type == dataset.type);
  CHECK(back.dataset->space.shape == dataset.space.shape);
  CHECK(back.dataset->space.maxShape == dataset.space.maxShape);
  CHECK(back.dataset->layout == dataset.layout);
  CHECK(back.dataset->filters.at(0).parameters == dataset.filters[0].parameters);
  CHECK(back.dataset->fillValue == dataset.fillValue);
  CHECK(back.dataset->fillTime == FillTime::never);
  const auto& source = back.dataset->virtualSources.at(0);
  CHECK(source.isPattern);
  CHECK(source.virtualSelection.dimensions.at(0).stride == 2);
  CHECK(source.sourceSelection.boxes == std::vector<std::uint64_t>{0, 2});
  CHECK(back.dataset->externalFiles.at(0).offset == 5);
  CHECK(std::get<HardLink>(back.links.at(0).target).target == 9);
  CHECK(std::get<HardLink>(back.links.at(0).target).kind == NodeKind::group);
  CHECK(std::get<SoftLink>(back.links.at(1).target).path == "/a");
  CHECK(std::get<ExternalLink>(back.links.at(2).target).file == "f.h5");
  CHECK(std::get<UserDefinedLink>(back.links.at(3).target).linkClass == 65);
  CHECK(std::get<Attribute::Value>(back.attributes.at(0).value).elements == Bytes(4, std::byte{5}));
  REQUIRE(back.problem);
  CHECK(back.problem->code == ErrorCode::missingFilter);

  std::get<Attribute::Value>(node.attributes[0].value).elements.pop_back();
  CHECK_THROWS_AS(across<rpc::NodeInfo>(node), FileError);
}

TEST_CASE("storage comes back as it was, and extents do not reach beyond 64 bits") {
  auto chunked = across<rpc::Storage>(Storage{ChunkedStorage{{4, 5}, {{1, 1, "deflate", {6}}}, true}});
  CHECK(std::get<ChunkedStorage>(chunked).chunkShape == Shape{4, 5});
  CHECK(std::get<ChunkedStorage>(chunked).partialChunksUnfiltered);
  CHECK_THROWS_AS(across<rpc::Storage>(Storage{ChunkedStorage{{4, 0}, {}, false}}), FileError);
  CHECK(std::get<ContiguousStorage>(across<rpc::Storage>(Storage{ContiguousStorage{8, 9}})).size == 9);
  CHECK_THROWS_AS(across<rpc::Storage>(Storage{ContiguousStorage{~0ull - 3, 9}}), FileError);
  CHECK(std::get<LibraryOnly>(across<rpc::Storage>(Storage{LibraryOnly{"szip"}})).why == "szip");
  CHECK(across<rpc::ChunkExtent>(ChunkExtent{}).address == ChunkExtent::neverWritten);
  CHECK_THROWS_AS(across<rpc::ChunkExtent>(ChunkExtent{~0ull - 3, 9, 0}), FileError);
}

TEST_CASE("exceptions keep their class across Cap'n Proto") {
  using Type = kj::Exception::Type;
  for (int i = 0; i <= static_cast<int>(ErrorCode::unknownTicket); ++i) {
    auto code = static_cast<ErrorCode>(i);
    try {
      wire::rethrow(wire::toKj(code, "what happened"));
    } catch (const Error& error) {
      CHECK(error.code() == code);
      CHECK(std::string(error.what()) == "what happened");
    }
  }
  checkRethrown<NotFound>(wire::toKj(NotFound("gone")), ErrorCode::notFound, "gone");
  checkRethrown<Failed>(wire::toKj(std::runtime_error("other")), ErrorCode::failed, "other");
  checkRethrown<NotFound>(remote(Type::FAILED, "remote exception: [notFound] /x"), ErrorCode::notFound, "/x");
  checkRethrown<NotFound>(remote(Type::FAILED, "remote exception: remote exception: [notFound] /x"),
                          ErrorCode::notFound, "/x");
  checkRethrown<Disconnected>(remote(Type::DISCONNECTED, "Peer disconnected."), ErrorCode::disconnected,
                              "Peer disconnected.");
  checkRethrown<Busy>(remote(Type::OVERLOADED, "remote exception: too many calls"), ErrorCode::busy, "too many calls");
  checkRethrown<Unimplemented>(remote(Type::UNIMPLEMENTED, "remote exception: no such method"),
                               ErrorCode::unimplemented, "no such method");
  checkRethrown<Failed>(remote(Type::FAILED, "remote exception: odd"), ErrorCode::failed, "odd");
}
