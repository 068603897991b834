// Reading through the client against a fake server: values, round trips, windows, conversion to native arrays.
// Not covered: real files (tests/conformance does that) and faults (faults-test.cc).
#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

FakeDataset strings() {
  FakeDataset dataset;
  dataset.type = DataType(16, VariableStringType{StringPadding::nullTerminated, CharacterSet::utf8});
  dataset.shape = {3};
  dataset.elements.resize(48);
  dataset.heap.resize(5);
  std::memcpy(dataset.heap.data(), "abcde", 5);
  dataset.elements[8] = std::byte{2};   // "ab"
  dataset.elements[32] = std::byte{2};  // "cde"; the one between is empty
  dataset.elements[40] = std::byte{3};
  return dataset;
}

FakeDataset unwritten() {
  FakeDataset dataset = counting({}, 2);
  dataset.shape = {1000, 1000, 100};
  dataset.elements.clear();
  dataset.neverWritten = true;
  return dataset;
}

FakeDataset endless() {
  FakeDataset dataset = counting({}, 2);
  dataset.shape = {1 << 20, 1 << 10, 1 << 9};  // 1 TiB of zeros
  dataset.elements.clear();
  return dataset;
}

std::map<std::string, FakeDataset> sample() {
  return {{"/cube", counting({40, 30, 20}, 4, {7, 8, 9})},
          {"/line", counting({5000}, 2)},
          {"/scalar", counting({}, 8)},
          {"/strings", strings()},
          {"/unwritten", unwritten()},
          {"/endless", endless()}};
}

// Element (i, j, k) of /cube.
std::uint32_t cubeAt(std::uint64_t i, std::uint64_t j, std::uint64_t k) {
  return static_cast<std::uint32_t>((i * 30 + j) * 20 + k);
}

}  // namespace

TEST_CASE("file, dataset and slice are one round trip, and so is each further slice") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto file = session.open("file.h5");
  auto dataset = file.dataset("/cube");
  auto view = dataset[{-1, range(2, 6), 3}];
  auto values = view.read<std::uint32_t>();
  CHECK(session.traffic().roundTrips == 1);
  REQUIRE(values.shape() == Shape{4});
  for (std::uint64_t j = 0; j < 4; ++j) CHECK(values[j] == cubeAt(39, 2 + j, 3));

  dataset[{0}].read<std::uint32_t>();
  CHECK(session.traffic().roundTrips == 2);
  CHECK(server.opens == 1);

  // A second file on a held connection.
  session.open("file.h5").dataset("/scalar").read<double>();
  CHECK(session.traffic().roundTrips == 3);
}

TEST_CASE("composing views sends nothing") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto dataset = session.open("file.h5").dataset("/cube");
  dataset.info();
  auto before = session.traffic();
  auto view = dataset[{range(10, 40, 3)}][{range(1, 5), ellipsis, 2}][{ellipsis, 4}];
  CHECK(view.shape() == Shape{4});
  CHECK_THROWS_AS(dataset[{40}], BadSelection);
  CHECK_THROWS_AS((view[{0, 0}]), BadSelection);
  auto after = session.traffic();
  CHECK(after.messagesSent == before.messagesSent);
  CHECK(after.roundTrips == before.roundTrips);
  auto values = view.read<std::int64_t>();
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(values[i] == cubeAt(13 + 3 * i, 4, 2));
}

TEST_CASE("browsing within a snapshot costs no round trip, and each read one") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto file = session.open("file.h5", {1 << 20});
  file.wait();
  CHECK(session.traffic().roundTrips == 1);
  CHECK(file.links().size() == 8);
  CHECK(file.dataset("/cube").info()->space.shape == Shape{40, 30, 20});
  CHECK(file.dataset("soft").info()->space.shape == Shape{40, 30, 20});
  CHECK_THROWS_AS(file.node("zdangling").info(), NotFound);
  CHECK_THROWS_AS(file.node("/cube/below").info(), NotFound);
  CHECK_THROWS_AS(file.dataset("/").info(), BadType);
  CHECK(std::holds_alternative<SoftLink>(file.link("soft")->target));
  CHECK(!file.link("absent"));
  CHECK(file.attributes().read<int>("answer")[0] == 42);
  CHECK(session.traffic().roundTrips == 1);
  CHECK(server.opens == 0);
  file.dataset("/cube")[{1, 2}].read<float>();
  CHECK(session.traffic().roundTrips == 2);
}

TEST_CASE("results larger than a reply are put together from tiles") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto dataset = session.open("file.h5").dataset("/cube");
  struct Case {
    std::uint64_t tileBytes, replyLimit, windowBytes;
  };
  for (bool isKnown : {false, true}) {
    if (isKnown) dataset.info();
    for (auto [tileBytes, replyLimit, windowBytes] :
         {Case{1000, 1 << 20, 8000}, Case{700, 300, 2000}, Case{4, 4096, 100'000}, Case{5000, 80, 5000},
          Case{1 << 20, 1999, 1}}) {
      CAPTURE(isKnown);
      CAPTURE(tileBytes);
      CAPTURE(replyLimit);
      server.maxReplyBytes = replyLimit;
      ReadOptions options;
      options.tileBytes = tileBytes;
      options.windowBytes = windowBytes;
      auto values = dataset[{range(1, 38, 4), all, Indices{{19, 0, 5}}}].read<std::uint32_t>(options);
      REQUIRE(values.shape() == Shape{10, 30, 3});
      int wrong = 0;
      const std::uint64_t last[] = {19, 0, 5};
      for (std::uint64_t i = 0; i < 10; ++i) {
        for (std::uint64_t j = 0; j < 30; ++j) {
          for (std::uint64_t k = 0; k < 3; ++k) wrong += values[(i * 30 + j) * 3 + k] != cubeAt(1 + 4 * i, j, last[k]);
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("an empty selection, a scalar, a fill value and strings") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  CHECK(file.dataset("/line")[{range(3, 3)}].read<int>().size() == 0);
  auto scalar = file.dataset("/scalar").read<std::int8_t>();
  CHECK(scalar.shape().empty());
  CHECK(scalar[0] == 0);
  auto zeros = file.dataset("/unwritten")[{range(0, 30)}].read<std::uint16_t>();
  CHECK(zeros.size() == 3'000'000);
  CHECK(std::count(zeros.begin(), zeros.end(), 0) == 3'000'000);
  auto text = file.dataset("/strings").read<std::string>();
  CHECK(std::vector<std::string>(text.begin(), text.end()) == std::vector<std::string>{"ab", "", "cde"});
  server.maxReplyBytes = 16;  // one string a reply, each with a heap of its own
  text = file.dataset("/strings").read<std::string>();
  CHECK(std::vector<std::string>(text.begin(), text.end()) == std::vector<std::string>{"ab", "", "cde"});
}

TEST_CASE("memory of the caller's is filled, and never past its end") {
  FakeServer server(sample());
  auto dataset = connect(server.url()).open("file.h5").dataset("/line");
  std::vector<std::uint16_t> target(11, 0xffff);
  CHECK(dataset[{range(100, 110)}].readInto(target.data(), 10) == Shape{10});
  CHECK(target[9] == 109);
  CHECK(target[10] == 0xffff);
  CHECK_THROWS_AS((dataset[{range(0, 11)}].readInto(target.data(), 10)), BadSelection);
  auto* bytes = reinterpret_cast<std::byte*>(target.data());
  CHECK(dataset[{range(200, 210)}].readPackedInto(bytes, 20) == Shape{10});
  CHECK(target[0] == 200);
  CHECK(target[10] == 0xffff);
  CHECK_THROWS_AS((dataset[{range(0, 11)}].readPackedInto(bytes, 20)), BadSelection);
  CHECK(target[10] == 0xffff);
}

TEST_CASE("types that do not convert are refused before anything is sent, where the type is known") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  auto dataset = file.dataset("/strings");
  CHECK_THROWS_AS(dataset.read<int>(), BadType);
  int reads = server.reads;
  std::vector<int> target(3);
  CHECK_THROWS_AS(dataset.view().readInto(target.data(), 3), BadType);
  CHECK(server.reads == reads);
}

TEST_CASE("asynchronous reads are under way at once") {
  FakeServer server(sample());
  server.delayMs = 50;
  auto dataset = connect(server.url()).open("file.h5").dataset("/line");
  std::vector<std::future<Array<int>>> futures;
  for (int i = 0; i < 8; ++i) futures.push_back(dataset[{range(i, i + 3)}].readAsync<int>());
  for (int i = 0; i < 8; ++i) CHECK(futures[i].get()[2] == i + 2);
  CHECK(server.mostReadsUnderWay == 8);
}

TEST_CASE("an endless selection streams in bounded memory, and dropping it cancels what is under way") {
  FakeServer server(sample());
  auto dataset = connect(server.url()).open("file.h5").dataset("/endless");
  ReadOptions options;
  options.tileBytes = 4096;
  options.windowBytes = 10 * 4096;
  {
    auto stream = dataset.view().tiles(options);
    for (int i = 0; i < 50; ++i) {
      auto tile = stream.next();
      REQUIRE(tile);
      CHECK(tile->elements.size() == elementCount(tile->shape) * 2);
    }
    CHECK(server.mostReadsUnderWay <= 10);
    // Three tiles more are on their way before the server turns slow.
    for (int i = 0; i < 10'000 && server.reads - server.readsUnderWay < 53; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server.delayMs = 60'000;
    for (int i = 0; i < 3; ++i) stream.next();
    for (int i = 0; i < 1000 && server.readsUnderWay == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(server.readsUnderWay > 0);
  }
  for (int i = 0; i < 1000 && server.readsUnderWay > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(server.readsUnderWay == 0);
}

TEST_CASE("a stream covers its view once") {
  FakeServer server(sample());
  auto dataset = connect(server.url()).open("file.h5").dataset("/cube");
  ReadOptions options;
  options.tileBytes = 500;
  auto stream = dataset[{range(3, 33)}].tiles(options);
  std::vector<int> seen(30 * 30 * 20);
  while (auto tile = stream.next()) {
    std::uint64_t at = 0;
    auto* values = reinterpret_cast<const std::uint32_t*>(tile->elements.data());
    for (std::uint64_t i = 0; i < tile->shape[0]; ++i) {
      for (std::uint64_t j = 0; j < tile->shape[1]; ++j) {
        for (std::uint64_t k = 0; k < tile->shape[2]; ++k) {
          auto& to = tile->inResult;
          std::uint64_t x = to[0].at(i), y = to[1].at(j), z = to[2].at(k);
          if (values[at++] == cubeAt(x + 3, y, z)) ++seen[(x * 30 + y) * 20 + z];
        }
      }
    }
  }
  CHECK(std::count(seen.begin(), seen.end(), 1) == static_cast<long>(seen.size()));
  CHECK(!stream.next());
}

TEST_CASE("eight threads slice one dataset") {
  FakeServer server(sample());
  auto dataset = connect(server.url()).open("file.h5").dataset("/cube");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 50; ++i) {
        unsigned frame = (t * 7 + i) % 40;
        auto values = dataset[{frame, all, 4}].read<std::uint32_t>();
        for (std::uint64_t j = 0; j < 30; ++j) wrong += values[j] != cubeAt(frame, j, 4);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(server.opens == 1);
}

TEST_CASE("directories are listed page by page") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto entries = session.list();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "file.h5");
  CHECK(entries[1].isDirectory);
  CHECK(session.serverInfo().software == "fake 1");
  CHECK(session.ping().count() > 0);
}
