// Elements that are larger than a reply come in parts, and are what they would be whole: of every kind of read, with
// and without a heap; what the server says of parts is checked.  Not covered: where a server finds the bytes
// (tests/python/test_large_elements.py).
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "h5cap/client.h"
#include "h5cap/place.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

constexpr std::uint64_t RECORD = 1000;  // bytes

// Records of bytes that tell their place, and texts that share a heap of 3,000 bytes.
std::map<std::string, FakeDataset> sample() {
  FakeDataset records;
  records.type = DataType(RECORD, OpaqueType{});
  records.shape = {3, 4};
  records.chunkShape = {2, 2};
  for (std::size_t i = 0; i < 12 * RECORD; ++i) records.elements.push_back(static_cast<std::byte>(i * 7 / 5));
  FakeDataset texts;
  texts.type = DataType(PLACE_BYTES, VariableStringType{});
  texts.shape = {5};
  texts.elements.resize(5 * PLACE_BYTES);
  for (std::size_t i = 0; i < 5; ++i) writePlace({i * 100, 2000 + i * 150}, &texts.elements[i * PLACE_BYTES]);
  for (std::size_t i = 0; i < 3000; ++i) texts.heap.push_back(static_cast<std::byte>('a' + i % 23));
  return {{"/records", records}, {"/texts", texts}};
}

std::vector<std::string> textsOf(const PackedElements& packed) {
  std::vector<std::string> texts(elementCount(packed.shape));
  convert(packed.type, packed.elements.data(), texts.size(), packed.heap, NativeType::string, texts.data());
  return texts;
}

Bytes joined(TileStream stream, std::uint64_t bytes, const Shape& shape) {
  Bytes all(bytes);
  while (auto tile = stream.next()) {
    std::size_t from = 0;
    for (std::uint64_t i = 0; i < tile->inResult[0].count; ++i) {
      for (std::uint64_t k = 0; k < tile->inResult[1].count; ++k, from += RECORD) {
        const auto number = tile->inResult[0].at(i) * shape[1] + tile->inResult[1].at(k);
        std::memcpy(&all[number * RECORD], &tile->elements[from], RECORD);
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("every read of elements in parts gives what the elements are") {
  FakeServer server(sample());
  const auto records = server.datasets.at("/records").elements;
  for (std::uint64_t partBytes : {0, 1, 999, 300, 64}) {
    CAPTURE(partBytes);
    server.partBytes = partBytes;
    Session session = connect(server.url());
    auto file = session.open("file.h5");
    auto dataset = file.dataset("/records");
    CHECK(dataset.view().readPacked().elements == records);
    CHECK(dataset.view().readPacked().elements == records);  // with the type known
    CHECK(joined(dataset.view().tiles(), records.size(), {3, 4}) == records);
    Bytes target(records.size());
    CHECK(dataset.view().readPackedInto(target.data(), target.size()) == Shape{3, 4});
    CHECK(target == records);
    const Bytes one(records.begin() + 6 * RECORD, records.begin() + 7 * RECORD);
    CHECK(dataset[{std::int64_t{1}, std::int64_t{2}}].readPacked().elements == one);
    CHECK(dataset[points({{1, 2}})].readPacked().elements == one);
    CHECK(dataset[{range(1, 2), Indices{{2}}}].readPacked().elements == one);
    CHECK(dataset.view().readPackedAsync().get().elements == records);
  }
}

TEST_CASE("texts in parts are whole, however many are under way") {
  FakeServer server(sample());
  std::vector<std::string> expected;
  {
    Session session = connect(server.url());
    expected = textsOf(session.open("file.h5").dataset("/texts").view().readPacked());
    CHECK(expected[3].size() == 2450);
  }
  for (std::uint64_t partBytes : {1, 17, 1000, 3015, 3016}) {
    for (std::uint64_t tileBytes : {1, 1 << 20}) {
      CAPTURE(partBytes);
      server.partBytes = partBytes;
      ConnectOptions options;
      options.tileBytes = tileBytes;
      Session session = connect(server.url(), options);
      auto dataset = session.open("file.h5").dataset("/texts");
      CHECK(textsOf(dataset.view().readPacked()) == expected);
      CHECK(textsOf(dataset.view().readPacked()) == expected);
      CHECK(*dataset[{std::int64_t{4}}].read<std::string>().data() == expected[4]);
      CHECK(textsOf(dataset[points({{4}, {0}})].readPacked()) == std::vector{expected[4], expected[0]});
      std::vector<std::string> streamed;
      auto stream = dataset.view().tiles();
      while (auto tile = stream.next())
        for (auto& text : textsOf({dataset.info()->type, tile->shape, tile->elements, tile->heap, {}, {}}))
          streamed.push_back(text);
      CHECK(streamed == expected);
    }
  }
}

TEST_CASE("parts are asked for one after the other, and no byte twice") {
  FakeServer server(sample());
  server.partBytes = 300;
  Session session = connect(server.url());
  auto dataset = session.open("file.h5").dataset("/records");
  for (bool isKnown : {false, true}) {
    if (isKnown) dataset.info();
    server.seen.lockExclusive()->clear();
    dataset[{std::int64_t{2}, std::int64_t{3}}].readPacked();
    std::vector<std::uint64_t> bytes;
    for (auto& seen : *server.seen.lockExclusive()) bytes.push_back(seen.firstByte);
    CHECK(bytes == std::vector<std::uint64_t>{0, 300, 600, 900});
  }
}

TEST_CASE("parts are of one version") {
  FakeServer server(sample());
  server.partBytes = 300;
  server.showsVersion = true;
  Session session = connect(server.url());
  auto dataset = session.open("file.h5").dataset("/records");
  server.changesAfter = 2;
  const auto read = dataset[{std::int64_t{0}, std::int64_t{0}}].readPacked();
  CHECK(read.elements == Bytes(RECORD, read.elements[0]));
  server.changesEvery = 2;  // it never stays
  try {
    dataset[{std::int64_t{0}, std::int64_t{0}}].readPacked();
    FAIL("a mixture");
  } catch (const FileError& problem) {
    CHECK(problem.code() == ErrorCode::changed);
  }
}

TEST_CASE("parts that cannot be are refused") {
  FakeServer server(sample());
  Session session = connect(server.url());
  using Reply = rpc::ReadReply::Builder;
  struct Row {
    std::string what;
    std::function<void(Reply)> lie;
  };
  int calls = 0;
  const std::vector<Row> rows = {
      {"nothing, for ever", [](Reply r) { r.getPart().initBytes(0); }},
      {"the beginning again and again", [](Reply r) { r.getPart().setFirst(0); }},
      {"a part from further on", [](Reply r) { r.getPart().setFirst(r.getPart().getFirst() + 1); }},
      {"of another element", [](Reply r) { r.setFirst(r.getFirst() + 1); }},
      {"of an element that is not there", [](Reply r) { r.setFirst(~0ull); }},
      {"of a smaller one", [](Reply r) { r.getPart().setTotal(1); }},
      {"of one that grows", [&calls](Reply r) { r.getPart().setTotal(5000 + static_cast<unsigned>(++calls)); }},
      {"of one that has no end", [](Reply r) { r.getPart().setTotal(~0ull); }},
      {"of one that no memory holds", [](Reply r) { r.getPart().setTotal(1ull << 62); }},
      {"elements, too", [](Reply r) { r.setCount(1); }},
      {"all of it as a part", [](Reply r) { r.getPart().initBytes(static_cast<unsigned>(r.getPart().getTotal())); }},
      {"then all of it", [&calls](Reply r) {
         if (++calls % 2 == 1) return;
         r.setCount(1);
         r.initPacked(RECORD);
       }},
      {"then one value for all", [&calls](Reply r) {
         if (++calls % 2 == 1) return;
         r.setCount(1);
         r.initFill(RECORD);
       }},
  };
  for (const char* path : {"/records", "/texts"}) {
    for (bool known : {false, true}) {
      auto dataset = session.open("file.h5").dataset(path);
      if (known) dataset.info();
      for (auto& row : rows) {
        CAPTURE(row.what);
        CAPTURE(path);
        CAPTURE(known);
        calls = 0;
        server.partBytes = 300;
        server.lies.lockExclusive()->reply = row.lie;
        CHECK_THROWS_AS(dataset.view().readPacked(), FileError);
        CHECK_THROWS_AS(
            [&] {
              auto stream = dataset.view().tiles();
              while (stream.next()) {}
            }(),
            FileError);
        server.lies.lockExclusive()->reply = nullptr;
        CHECK_NOTHROW(dataset.view().readPacked());  // the control
      }
    }
  }
}
