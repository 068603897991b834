// Random damage to what planners and files send: every byte string is read, or refused with an exception, and what was
// read can be used and written again.  Seeded, so a failure repeats; meant for the sanitizers, which see what a check
// cannot.  Not covered: damaged HDF5 files (tests/cpp/planner/damage-test.cc), messages of clients.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>
#include <kj/exception.h>

#include <cstring>

#include "core/codec/codec.h"
#include "core/wire.h"
#include "golden-chunks.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

using Reply = rpc::PlannerReply;
using Words = std::vector<capnp::word>;

constexpr int WIRE_TRIALS = 4000;  // of each reply
constexpr int CODEC_TRIALS = 500;  // of each chunk

DataType int16() { return DataType(2, IntegerType{true, ByteOrder::big, 16, 0}); }

// A compound with one field of every class that nests or has something to check.
DataType manyTypes() {
  auto share = [](DataType type) { return std::make_shared<const DataType>(std::move(type)); };
  DataType text(16, VariableStringType{StringPadding::nullTerminated, CharacterSet::utf8});
  DataType float64(8, FloatType{ByteOrder::little, 64, 0, 52, 11, 0, 52, 63, 1023});
  DataType boolean(1, EnumType{share(DataType(1, IntegerType{true, ByteOrder::little, 8, 0})),
                               {{"FALSE", {std::byte{0}}}, {"TRUE", {std::byte{1}}}}});
  DataType array(12, ArrayType{share(int16()), {2, 3}});
  DataType sequence(16, SequenceType{share(array)});
  DataType complex(16, ComplexType{share(float64)});
  return DataType(80, CompoundType{{{"t", 0, text}, {"b", 16, boolean}, {"s", 32, sequence}, {"c", 48, complex},
                                    {"f", 64, float64}, {"o", 72, DataType(5, OpaqueType{"tag"})}}});
}

NodeInfo manyThings() {
  NodeInfo node;
  node.kind = NodeKind::dataset;
  DatasetInfo dataset;
  dataset.type = manyTypes();
  dataset.space = {Dataspace::Kind::simple, {3, 4}, {unlimited, 4}, ""};
  dataset.layout = Layout::chunked;
  dataset.chunkShape = {1, 4};
  dataset.filters = {{32008, 1, "bitshuffle", {0, 3, 2, 0, 2}}};
  dataset.fillValue = Bytes(80);  // its places lead to nothing
  dataset.virtualSources = {{"a.h5", "/x", {Hyperslab::Kind::regular, {{1, 2, 3, 1}}, {}, {9}},
                             {Hyperslab::Kind::boxes, {}, {0, 2}, {3}}, true}};
  dataset.externalFiles = {{"raw", 5, 6}};
  node.dataset = dataset;
  node.links = {{"h", CharacterSet::utf8, HardLink{9, NodeKind::group}, 3},
                {"e", CharacterSet::ascii, ExternalLink{"f.h5", "/b"}, -1}};
  Attribute attribute;
  attribute.name = "units";
  attribute.type = int16();
  attribute.space = {Dataspace::Kind::simple, {2}, {2}, ""};
  attribute.value = Attribute::Value{Bytes(4, std::byte{5}), {}};
  node.attributes = {attribute};
  node.problem = ErrorText{ErrorCode::missingFilter, "no decoder"};
  return node;
}

template <class Fill>
Words message(Fill fill) {
  capnp::MallocMessageBuilder builder;
  fill(builder.initRoot<Reply>());
  auto flat = capnp::messageToFlatArray(builder);
  return Words(flat.begin(), flat.end());
}

std::vector<Words> replies() {
  std::vector<Words> all;
  all.push_back(message([](Reply::Builder to) { wire::write(manyThings(), to.initNode()); }));
  all.push_back(message([](Reply::Builder to) {
    wire::write(Storage{ChunkedStorage{{4, 5}, {{1, 1, "deflate", {6}}, {2, 0, "shuffle", {8}}}, true}},
                to.initStorage());
  }));
  all.push_back(message([](Reply::Builder to) {
    wire::write(Storage{VirtualStorage{manyThings().dataset->virtualSources}}, to.initStorage());
  }));
  all.push_back(message([](Reply::Builder to) {
    wire::write(ErrorText{ErrorCode::notFound, "gone"}, to.initError());
  }));
  all.push_back(message([](Reply::Builder to) {
    auto list = to.initChunks(9);
    for (unsigned i = 0; i < list.size(); ++i) wire::write(ChunkExtent{4096 * i, 4096, i}, list[i]);
  }));
  all.push_back(message([](Reply::Builder to) {
    auto list = to.initAttributes().initAttributePage(1);
    wire::write(manyThings().attributes[0], list[0]);
  }));
  return all;
}

// What was read is used: named, compared, and written again, which gives the same.
void use(const DataType& type) {
  CHECK_FALSE(describe(type).empty());
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<rpc::DataType>();
  wire::write(type, builder);
  CHECK(wire::read(builder.asReader()) == type);
}

void readWhole(Reply::Reader reply) {
  switch (reply.which()) {
    case Reply::NODE: {
      auto node = wire::read(reply.getNode());
      if (node.dataset) use(node.dataset->type);
      for (const auto& attribute : node.attributes) use(attribute.type);
      break;
    }
    case Reply::STORAGE:
      wire::read(reply.getStorage());
      break;
    case Reply::CHUNKS:
      for (auto extent : reply.getChunks()) wire::read(extent);
      break;
    case Reply::ATTRIBUTES:
      for (auto attribute : reply.getAttributes().getAttributePage()) use(wire::read(attribute).type);
      break;
    case Reply::ERROR:
      wire::read(reply.getError());
      break;
    default:
      break;
  }
}

// False when it was refused, in one of the ways that callers expect.
bool tryRead(const Words& words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 1 << 16;
  try {
    capnp::FlatArrayMessageReader message(kj::arrayPtr(words.data(), words.size()), options);
    readWhole(message.getRoot<Reply>());
    return true;
  } catch (const Error&) {
  } catch (const kj::Exception&) {
  }
  return false;
}

void flipBits(Random& random, Words& words) {
  auto* bytes = reinterpret_cast<unsigned char*>(words.data());
  for (auto n = random.between(1, 3); n > 0; --n) {
    bytes[random.between(0, std::ssize(words) * 8 - 1)] ^= static_cast<unsigned char>(1 << random.between(0, 7));
  }
}

// Words are where pointers are: one that stands elsewhere points elsewhere, also at what holds it.
void copyWord(Random& random, Words& words) {
  auto from = random.between(0, std::ssize(words) - 1), to = random.between(0, std::ssize(words) - 1);
  std::memcpy(&words[static_cast<std::size_t>(to)], &words[static_cast<std::size_t>(from)], sizeof(capnp::word));
}

Words damaged(Random& random, Words words) {
  if (random.chance(70)) flipBits(random, words);
  if (random.chance(40)) copyWord(random, words);
  if (random.chance(5)) words.resize(static_cast<std::size_t>(random.between(0, std::ssize(words))));
  return words;
}

Bytes fromHex(std::string_view hex) {
  Bytes result;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    result.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return result;
}

// A number that a filter's parameter might be, or that is on an edge.
std::uint32_t oddNumber(Random& random) {
  constexpr std::uint32_t edges[] = {0, 1, 3, 7, 8, 9, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
  if (random.chance(50)) return edges[random.between(0, std::ssize(edges) - 1)];
  return static_cast<std::uint32_t>(random.between(0, 5000));
}

void damage(Random& random, std::vector<Filter>& filters) {
  if (random.chance(20))
    filters.push_back(filters[static_cast<std::size_t>(random.between(0, std::ssize(filters) - 1))]);
  for (auto& filter : filters) {
    for (auto& parameter : filter.parameters) {
      if (random.chance(20)) parameter = oddNumber(random);
    }
    if (random.chance(5)) filter.parameters.clear();
  }
}

void damage(Random& random, Bytes& stored) {
  for (auto n = random.between(0, 3); n > 0 && !stored.empty(); --n) {
    auto last = random.chance(50) ? std::min<std::int64_t>(15, std::ssize(stored) - 1) : std::ssize(stored) - 1;
    stored[static_cast<std::size_t>(random.between(0, last))] = static_cast<std::byte>(random.between(0, 255));
  }
  if (random.chance(20)) stored.resize(static_cast<std::size_t>(random.between(0, std::ssize(stored))));
}

}  // namespace

TEST_CASE("a damaged reply of a planner is read or refused") {
  Random random(515);
  auto originals = replies();
  for (std::size_t i = 0; i < originals.size(); ++i) {
    CAPTURE(i);
    CHECK(tryRead(originals[i]));
    int read = 0;
    for (int trial = 0; trial < WIRE_TRIALS; ++trial) read += tryRead(damaged(random, originals[i])) ? 1 : 0;
    CHECK(read > WIRE_TRIALS / 100);  // the damage is small enough to reach what lies behind the first check
    CHECK(read < WIRE_TRIALS);        // and large enough to be noticed
  }
}

TEST_CASE("damaged chunks behind damaged filters decode to their size or are refused") {
  Random random(5150);
  int decoded = 0, refused = 0;
  for (const auto& chunk : GOLDEN_CHUNKS) {
    CAPTURE(chunk.name);
    auto original = fromHex(chunk.hex);
    for (int trial = 0; trial < CODEC_TRIALS; ++trial) {
      auto filters = chunk.filters;
      auto stored = original;
      damage(random, filters);
      damage(random, stored);
      auto mask = random.chance(20) ? static_cast<std::uint32_t>(random.between(0, 7)) : chunk.filterMask;
      auto size = GOLDEN_COUNT * chunk.elementBytes;
      if (random.chance(20)) size = static_cast<std::size_t>(random.between(0, 5000));
      auto elementBytes = random.chance(20) ? oddNumber(random) : chunk.elementBytes;
      try {
        auto result = codec::decode(filters, mask, stored, size, elementBytes);
        CHECK(result.size() == size);
        ++decoded;
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  CHECK(decoded > 100);
  CHECK(refused > 100);
}
