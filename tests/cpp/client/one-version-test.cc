// One read is one version, whatever brings it, against a fake server whose file changes after so many replies: elements
// say of which version they are.  Replies whose parts come in any order; datasets that grew or shrank since they were
// described.  Not covered: real files and writers (tests/faults/test_one_version.py), connections that are lost
// (reopening-test.cc).
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

std::map<std::string, FakeDataset> sample() {
  return {{"/line", counting({4000}, 1)},
          {"/square", counting({60, 50}, 1, {7, 50})},
          {"/numbers", counting({4000}, 4)}};
}

ReadOptions tiles(std::uint64_t bytes, std::uint64_t window = 1 << 20) {
  ReadOptions options;
  options.tileBytes = bytes;
  options.windowBytes = window;
  return options;
}

std::set<int> versionsIn(std::span<const std::byte> bytes) {
  std::set<int> all;
  for (auto byte : bytes) all.insert(std::to_integer<int>(byte));
  return all;
}

std::set<int> versionsIn(const PackedElements& packed) { return versionsIn(std::span(packed.elements)); }

// What a stream brings until it ends, or has to.
struct Streamed {
  std::set<int> versions;
  std::set<Version> told;
  std::uint64_t elements = 0;
  bool hasChanged = false;
};

Streamed streamed(const View& view, const ReadOptions& options) {
  Streamed all;
  try {
    auto stream = view.tiles(options);
    while (auto tile = stream.next()) {
      for (int version : versionsIn(std::span(tile->elements))) all.versions.insert(version);
      all.told.insert(tile->version.file);
      all.elements += tile->elements.size();
    }
  } catch (const FileError& problem) {
    CHECK(problem.code() == ErrorCode::changed);
    all.hasChanged = true;
  }
  return all;
}

template <class F>
ErrorCode codeOf(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::failed;
}

std::vector<bool> everySecond(std::size_t count) {
  std::vector<bool> flags(count);
  for (std::size_t i = 0; i < count; i += 2) flags[i] = true;
  return flags;
}

// Ways to read thousands of elements in many replies.
struct Way {
  std::string name;
  std::function<View(const File&)> view;
};

std::vector<Way> ways() {
  Points some;
  for (std::uint64_t i = 0; i < 3000; ++i) some.coordinates.push_back(i * 7 % 4000);
  return {{"whole", [](const File& file) { return file.dataset("/line").view(); }},
          {"part", [](const File& file) { return file.dataset("/line")[{range(10, 3990)}]; }},
          {"from the end", [](const File& file) { return file.dataset("/line")[{range(-3900)}]; }},
          {"chunked", [](const File& file) { return file.dataset("/square").view(); }},
          {"list", [](const File& file) { return file.dataset("/square")[{Indices{{50, 1, 59, 30, 2, 7}}, all}]; }},
          {"mask of an axis", [](const File& file) { return file.dataset("/square")[{mask(everySecond(60)), all}]; }},
          {"mask", [](const File& file) { return file.dataset("/line")[mask(everySecond(4000))]; }},
          {"points", [some](const File& file) { return file.dataset("/line")[some]; }}};
}

}  // namespace

TEST_CASE("a file that changes once, after any reply: one version, whatever is read") {
  for (auto& way : ways()) {
    for (bool isKnown : {false, true}) {
      int mixedReplies = 0;
      for (int after = 1; after < 24; after += 2) {
        CAPTURE(way.name);
        CAPTURE(isKnown);
        CAPTURE(after);
        FakeServer server(sample());
        server.showsVersion = true;
        auto file = connect(server.url()).open("file.h5");
        auto view = way.view(file);
        if (isKnown) view.shape();
        server.changesAfter = after;
        auto found = view.readPacked(tiles(100));
        CHECK(versionsIn(found).size() == 1);
        CHECK(found.version.file == Version{static_cast<std::byte>(std::to_integer<int>(found.elements[0]) - 16)});
        CHECK(found.elements.size() == elementCount(found.shape));
        if (versionsIn(found) == std::set<int>{18}) ++mixedReplies;  // it began again
      }
      CHECK(mixedReplies > 0);
    }
  }
}

TEST_CASE("the control: parts that are read one by one are of two versions") {
  FakeServer server(sample());
  server.showsVersion = true;
  auto line = connect(server.url()).open("file.h5").dataset("/line");
  server.changesAfter = 1;
  auto first = line[{range(0, 100)}].readPacked(), second = line[{range(100, 200)}].readPacked();
  CHECK(versionsIn(first) != versionsIn(second));
  CHECK(first.version != second.version);
  // Held together they are not.
  ReadOptions options;
  options.ifVersion = second.version;
  CHECK(versionsIn(line[{range(0, 100)}].readPacked(options)) == versionsIn(second));
  options.ifVersion = first.version;
  CHECK(codeOf([&] { line[{range(0, 100)}].readPacked(options); }) == ErrorCode::changed);
}

TEST_CASE("a file that never rests is given up after a few beginnings") {
  for (auto& way : ways()) {
    CAPTURE(way.name);
    FakeServer server(sample());
    server.showsVersion = true;
    auto view = way.view(connect(server.url()).open("file.h5"));
    view.shape();
    server.changesEvery = 2;
    server.reads = 0;
    CHECK(codeOf([&] { view.readPacked(tiles(100)); }) == ErrorCode::changed);
    CHECK(server.reads < 3 * 60);
    server.changesEvery = 0;
    CHECK(versionsIn(view.readPacked(tiles(100))).size() == 1);
  }
}

TEST_CASE("a whole window is asked for at once, and everything after the first reply asks for its version") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto line = session.open("file.h5").dataset("/line");
  line.info();
  const auto before = session.traffic().roundTrips;
  server.delayMs = 20;
  line.view().readPacked(tiles(100, 1000));
  CHECK(session.traffic().roundTrips == before + 1);
  CHECK(server.mostReadsUnderWay == 10);
  auto seen = server.seen.lockExclusive();
  REQUIRE(seen->size() == 40);
  for (std::size_t i = 0; i < seen->size(); ++i)
    CHECK((*seen)[i].ifVersion == (i < 10 ? Version() : Version{std::byte{1}}));
}

TEST_CASE("all versions of a file with a live SWMR writer are one") {
  for (bool isKnown : {false, true}) {
    FakeServer server(sample());
    server.showsVersion = server.isSwmr = true;
    auto file = connect(server.url()).open("file.h5");
    auto line = file.dataset("/line");
    if (isKnown) line.info();
    server.changesEvery = 1;
    auto found = line.view().readPacked(tiles(100, 1000));
    CHECK(versionsIn(found).size() > 10);
    auto stream = streamed(line.view(), tiles(100, 1000));
    CHECK(!stream.hasChanged);
    CHECK(stream.elements == 4000);
    CHECK(stream.told.size() == 1);
  }
}

TEST_CASE("tiles carry their version; a stream that has given some out says that the file has changed") {
  for (int after = 1; after < 60; after += 3) {
    CAPTURE(after);
    FakeServer server(sample());
    server.showsVersion = true;
    auto line = connect(server.url()).open("file.h5").dataset("/line");
    line.info();
    server.changesAfter = after;
    auto all = streamed(line.view(), tiles(100, 500));
    CHECK(all.versions.size() <= 1);
    CHECK(all.told.size() <= 1);
    CHECK((all.hasChanged || all.elements == 4000));
    if (after > 5 && after < 40) CHECK(all.hasChanged);
    // One that has given out none begins again.
    server.changesAfter = 2;
    auto stream = line.view().tiles(tiles(100, 500));
    for (int i = 0; i < 2000 && server.changesAfter > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::uint64_t elements = 0;
    std::set<Version> told;
    while (auto tile = stream.next()) {
      elements += tile->elements.size();
      told.insert(tile->version.file);
    }
    CHECK(elements == 4000);
    CHECK(told.size() == 1);
  }
}

TEST_CASE("what the first reply says of sources goes into all later ones, and is asked about once more at the end") {
  auto isEnd = [](auto& read) { return read.replyBytes == 0; };
  int changed = 0;
  for (int after = 1; after < 50; ++after) {
    CAPTURE(after);
    FakeServer server(sample());
    server.showsVersion = true;
    server.sources = FakeSources::some;
    auto line = connect(server.url()).open("file.h5").dataset("/line");
    line.info();
    server.sourcesChangeAfter = after;
    auto found = line.view().readPacked(tiles(100, 1500));
    CHECK(versionsIn(found).size() == 1);
    changed += versionsIn(found) == std::set<int>{33};
    auto seen = server.seen.lockExclusive();
    // A window of 15, and the first question of another beginning.
    CHECK(std::count_if(seen->begin(), seen->end(), [](auto& read) { return read.ifSources.empty(); }) <= 15 + 2);
    CHECK(std::count_if(seen->begin(), seen->end(), isEnd) >= 1);
    CHECK(std::count_if(seen->begin(), seen->end(), isEnd) <= 2);
    if (after == 40) CHECK(changed > 0);  // behind the last element, which was of one that is gone
  }
  CHECK(changed >= 39);
  // No question more than elements need where there are no sources, and where one reply has everything.
  for (auto sources : {FakeSources::none, FakeSources::some}) {
    FakeServer server(sample());
    server.sources = sources;
    auto line = connect(server.url()).open("file.h5").dataset("/line");
    line.info();
    line.view().readPacked(tiles(100, 1000));
    CHECK(server.reads == (sources == FakeSources::none ? 40 : 41));
    server.reads = 0;
    line.view().readPacked(tiles(100'000, 100'000));
    CHECK(server.reads == 1);
  }
}

TEST_CASE("parts come in any order, and what is missing is asked for") {
  for (auto fault : {Fault::none, Fault::lastPartsFirst, Fault::noNext}) {
    for (bool isKnown : {false, true}) {
      for (std::uint64_t limit : {4, 52, 400, 5000}) {
        CAPTURE(static_cast<int>(fault));
        CAPTURE(isKnown);
        CAPTURE(limit);
        FakeServer server(sample());
        auto numbers = connect(server.url()).open("file.h5").dataset("/numbers");
        if (isKnown) numbers.info();
        server.fault = fault;
        server.maxReplyBytes = limit;
        auto found = numbers[{range(3, 3000)}].read<std::uint32_t>(tiles(1000, 1));
        REQUIRE(found.size() == 2997);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < found.size(); ++i) wrong += found[i] != i + 3;
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("parts that come twice or lie outside are refused, unknown forms are said to be, and nothing is lost") {
  struct Case {
    Fault fault;
    ErrorCode expected;
  };
  for (auto [fault, expected] : {Case{Fault::partsTwice, ErrorCode::fileProblem},
                                 Case{Fault::partsOutside, ErrorCode::fileProblem},
                                 Case{Fault::unknownForm, ErrorCode::unimplemented}}) {
    for (bool isKnown : {false, true}) {
      CAPTURE(static_cast<int>(fault));
      CAPTURE(isKnown);
      FakeServer server(sample());
      auto numbers = connect(server.url()).open("file.h5").dataset("/numbers");
      if (isKnown) numbers.info();
      server.maxReplyBytes = 400;
      server.fault = fault;
      CHECK(codeOf([&] { numbers.view().read<int>(tiles(1000)); }) == expected);
      CHECK(codeOf([&] {
              auto stream = numbers.view().tiles(tiles(1000));
              while (stream.next()) {
              }
            }) == expected);
      server.fault = Fault::none;
      CHECK(numbers.view().read<int>(tiles(1000))[3999] == 3999);
    }
  }
}

TEST_CASE("a dataset that grew is read by its new extent, and into given memory by the one that is known") {
  for (std::uint64_t tile : {100, 1 << 20}) {
    CAPTURE(tile);
    FakeServer server(sample());
    server.rows = 40;
    auto square = connect(server.url()).open("file.h5").dataset("/square");
    square.info();
    server.rows = 55;
    server.fileVersion = 2;
    CHECK(square.view().readPacked(tiles(tile)).shape == Shape{55, 50});
    CHECK((square[{range(5)}].readPacked(tiles(tile)).shape) == Shape{50, 50});
    CHECK((square[{-1}].read<std::uint8_t>(tiles(tile))[0]) == (54 * 50 & 255));
    CHECK((square[{mask(everySecond(40))}].readPacked(tiles(tile)).shape) == Shape{20, 50});
    CHECK((square[mask(everySecond(2000))].readPacked(tiles(tile)).shape) == Shape{1000});
    std::vector<std::uint8_t> target(2001, 0xee);
    CHECK(square.view().readInto(target.data(), 2000, tiles(tile)) == Shape{40, 50});
    auto* bytes = reinterpret_cast<std::byte*>(target.data());
    CHECK(square.view().readPackedInto(bytes, 2000, tiles(tile)) == Shape{40, 50});
    CHECK((square[{range(-30)}].readPackedInto(bytes, 1500, tiles(tile))) == Shape{30, 50});
    CHECK(target[0] == (10 * 50 & 255));
    CHECK(target[2000] == 0xee);
  }
}

TEST_CASE("of a dataset that shrank what is left is read; what cannot be has changed, and is no wrong selection") {
  for (std::uint64_t tile : {100, 1 << 20}) {
    CAPTURE(tile);
    FakeServer server(sample());
    server.rows = 40;
    auto square = connect(server.url()).open("file.h5").dataset("/square");
    square.info();
    server.rows = 25;
    server.fileVersion = 2;
    CHECK(square.view().readPacked(tiles(tile)).shape == Shape{25, 50});
    CHECK((square[{range(5, 40)}].readPacked(tiles(tile)).shape) == Shape{20, 50});
    CHECK((square[{range(30, 40)}].readPacked(tiles(tile)).shape) == Shape{0, 50});
    std::vector<std::byte> target(2000);
    CHECK(square.view().readPackedInto(target.data(), 2000, tiles(tile)) == Shape{25, 50});
    CHECK(codeOf([&] { square[{30}].readPacked(tiles(tile)); }) == ErrorCode::changed);
    CHECK(codeOf([&] { square[{Indices{{2, 30}}}].readPacked(tiles(tile)); }) == ErrorCode::changed);
    CHECK(codeOf([&] { square[mask(everySecond(2000))].readPacked(tiles(tile)); }) == ErrorCode::changed);
    CHECK(codeOf([&] { square[points({{2, 1}, {30, 1}})].readPacked(tiles(tile)); }) == ErrorCode::changed);
    CHECK(streamed(square.view(), tiles(tile)).hasChanged);
    CHECK_THROWS_AS(square[{41}], BadSelection);  // the control: what never was there
  }
}

TEST_CASE("stored bytes are of one version, in parts as small as the server likes") {
  for (std::uint64_t limit : {64, 1000, 1 << 20}) {
    int begunAgain = 0;
    for (int after = 0; after < 30; after += 2) {
      CAPTURE(limit);
      CAPTURE(after);
      FakeServer server(sample());
      server.showsVersion = true;
      ConnectOptions options;
      options.tileBytes = 300;
      options.windowBytes = 1500;
      auto file = connect(server.url(), options).open("file.h5");
      file.wait();
      server.maxReplyBytes = limit;
      server.changesAfter = after;
      std::vector<std::byte> bytes(5000);
      auto read = file.readBytes(0, bytes.data(), bytes.size());
      CHECK(read.count == 4096);
      bytes.resize(read.count);
      CHECK(versionsIn(std::span<const std::byte>(bytes)).size() == 1);
      CHECK(read.version == Version{bytes[0]});
      begunAgain += bytes[0] == std::byte{2};
      const Version gone{std::byte{77}};
      CHECK(codeOf([&] { file.readBytes(0, bytes.data(), 10, gone); }) == ErrorCode::changed);
      server.followsVersions = false;  // an older server
      CHECK(codeOf([&] { file.readBytes(0, bytes.data(), 10, gone); }) == ErrorCode::changed);
    }
    CHECK(begunAgain > 0);
  }
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  file.wait();
  server.changesEvery = 1;
  server.showsVersion = true;
  server.maxReplyBytes = 1000;
  std::vector<std::byte> bytes(4096);
  CHECK(codeOf([&] { file.readBytes(0, bytes.data(), bytes.size()); }) == ErrorCode::changed);
}
