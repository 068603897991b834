// Handles after the connection was lost to a server that was started anew, against a fake one: what is opened again, by
// what, and what is not taken for the same.
// Not covered: real servers and links that are cut anywhere (tests/faults/test_reconnecting.py).
#include <capnp/ez-rpc.h>
#include <doctest/doctest.h>
#include <h5cap/service.capnp.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/wire.h"
#include "h5cap/client.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;
using namespace std::chrono_literals;

namespace {

std::map<std::string, FakeDataset> sample() {
  auto line = counting({1000}, 4);
  line.attributesElsewhere = true;
  return {{"/line", line}, {"/square", counting({10, 10}, 4)}};
}

Bytes tokenOf(const std::string& path) {
  Bytes token(path.size());
  std::memcpy(token.data(), path.data(), path.size());
  return token;
}

// Everything that can be held of a file.  All of it has been used before the connection is lost.
struct Handles {
  explicit Handles(const FakeServer& server)
      : session(connect(server.url())),
        file(session.open("file.h5")),
        group(file.group("/")),
        line(file.dataset("/line")),
        lineByReference(file.dereference(tokenOf("/line")).node.state()),
        groupByReference(file.dereference(tokenOf("/")).node.state()),
        tiles(line.view().tiles(smallTiles())) {
    group.info();
    tiles.next();
    for (auto& [name, isRight] : uses()) REQUIRE(isRight());
  }

  static ReadOptions smallTiles() {
    ReadOptions options;
    options.tileBytes = 400;  // of 4,000
    options.windowBytes = 800;
    return options;
  }

  struct Use {
    std::string name;
    std::function<bool()> isRight;
  };

  // Ways to use them that ask the server; each throws, or tells whether the answer is right.
  std::vector<Use> uses() {
    return {
        {"dataset", [this] { return line[{7}].read<int>()[0] == 7; }},
        {"dataset, by and by", [this] { return line[{7}].readAsync<int>().get()[0] == 7; }},
        {"description", [this] { return line.refresh().space.shape == Shape{1000}; }},
        {"attribute", [this] { return line.attributes().read<int>("answer")[0] == 42; }},
        {"file", [this] { return file.stat().size == 4096; }},
        {"file's dataset", [this] { return file.dataset("/square")[{1, 2}].read<int>()[0] == 12; }},
        {"group's dataset", [this] { return group.dataset("square")[{3, 4}].read<int>()[0] == 34; }},
        {"dataset by reference", [this] { return lineByReference[{9}].read<int>()[0] == 9; }},
        {"group by reference", [this] { return groupByReference.dataset("line")[{5}].read<int>()[0] == 5; }},
        {"reference", [this] { return file.dereference(tokenOf("/square")).node.info()->kind == NodeKind::dataset; }},
        {"bytes", [this] {
           std::array<std::byte, 4> bytes;
           return file.readBytes(250, bytes.data(), bytes.size()).count == 4 && bytes[3] == std::byte{253};
         }},
    };
  }

  Session session;
  File file;
  Group group;
  Dataset line;
  Dataset lineByReference;
  Group groupByReference;
  TileStream tiles;
};

// Until the client has a ticket that this run of the server made.
void waitForTicket(const FakeServer& server, const Session& session, int sealsBefore = 0) {
  for (int i = 0; i < 5000 && server.seals == sealsBefore; ++i) std::this_thread::sleep_for(1ms);
  REQUIRE(server.seals > sealsBefore);
  session.ping();  // answered after it
}

// Every use of the handles ends with this.
void checkAllFail(Handles& handles, ErrorCode expected) {
  for (auto& [name, isRight] : handles.uses()) {
    CAPTURE(name);
    try {
      isRight();
      FAIL_CHECK("it went well");
    } catch (const Error& error) {
      CHECK(error.code() == expected);
    }
  }
}

}  // namespace

TEST_CASE("handles outlive the server, whatever the next one says of their tickets") {
  for (auto refusal : {ErrorCode::unknownTicket, ErrorCode::denied, ErrorCode::unimplemented}) {
    CAPTURE(name(refusal));
    FakeServer server(sample());
    server.refusal = refusal;
    Handles handles(server);
    waitForTicket(server, handles.session);
    server.restart();
    for (int i = 1; i < 10; ++i) {
      auto tile = handles.tiles.next();  // of a read that was under way
      REQUIRE(tile.has_value());
      CHECK(tile->inResult[0].start == 100u * static_cast<unsigned>(i));
      CHECK(std::memcmp(tile->elements.data(), &server.datasets.at("/line").elements[400u * i], 400) == 0);
    }
    CHECK(!handles.tiles.next().has_value());
    for (auto& [name, isRight] : handles.uses()) {
      CAPTURE(name);
      CHECK(isRight());
    }
    CHECK(server.restores == 1);
    CHECK(server.fileOpens == 2);

    // A ticket that was refused is not tried again.
    server.restart();
    CHECK(handles.line[{8}].read<int>()[0] == 8);
    CHECK(server.restores == 1);
    CHECK(server.fileOpens == 3);
  }
}

TEST_CASE("each handle by itself is the first to be used after a restart") {
  FakeServer server(sample());
  server.refusal = ErrorCode::denied;
  Handles handles(server);
  waitForTicket(server, handles.session);
  for (auto& [name, isRight] : handles.uses()) {
    CAPTURE(name);
    server.restart();
    CHECK(isRight());
  }
}

TEST_CASE("a ticket that the server takes opens the file, and its path is not asked for") {
  FakeServer server(sample());
  Handles handles(server);
  waitForTicket(server, handles.session);
  server.isLocked = true;
  server.hangUp = true;
  while (server.hangUp) std::this_thread::sleep_for(1ms);
  for (auto& [name, isRight] : handles.uses()) {
    CAPTURE(name);
    CHECK(isRight());
  }
  CHECK(server.restores == 1);
  CHECK(server.fileOpens == 1);
}

// The negative control of the first case: there the same ticket is refused in the same words, and only whoever does not
// leave it at that goes on.
TEST_CASE("a client that believes the refusal has nothing") {
  FakeServer server(sample());
  server.refusal = ErrorCode::denied;
  const Bytes ticket = server.ticket();
  auto restored = [&] {
    capnp::EzRpcClient client("unix:" + server.socketPath());
    auto request = client.getMain<rpc::Service>().restoreRequest();
    request.setTicket(wire::asData(ticket));
    try {
      auto file = request.send().getObject().castAs<rpc::File>();
      file.statRequest().send().wait(client.getWaitScope());
    } catch (const kj::Exception& problem) {
      wire::rethrow(problem);
    }
  };
  CHECK_NOTHROW(restored());
  server.restart();
  CHECK_THROWS_AS(restored(), Denied);
}

TEST_CASE("a file that is another version after a restart has changed, by ticket and by path") {
  for (auto refusal : {ErrorCode::unknownTicket, ErrorCode::denied}) {
    CAPTURE(name(refusal));
    FakeServer server(sample());
    server.refusal = refusal;
    Handles handles(server);
    waitForTicket(server, handles.session);
    server.fileVersion = 2;
    server.restart();
    checkAllFail(handles, ErrorCode::changed);
    checkAllFail(handles, ErrorCode::changed);  // nor is the second attempt another matter
    // Opened now, it is another file.
    CHECK(handles.session.open("file.h5").dataset("/line")[{3}].read<int>()[0] == 3);
  }
  FakeServer server(sample());
  Handles handles(server);
  waitForTicket(server, handles.session);
  server.fileVersion = 2;
  server.hangUp = true;
  while (server.hangUp) std::this_thread::sleep_for(1ms);
  checkAllFail(handles, ErrorCode::changed);
}

TEST_CASE("another object in the same growing file has changed, and still has when asked again") {
  FakeServer server(sample());
  server.isSwmr = true;
  Handles handles(server);
  server.firstId = 100;
  server.fileVersion = 2;
  server.restart();
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    for (auto* dataset : {&handles.line, &handles.lineByReference}) {
      try {
        (*dataset)[{7}].read<int>();
        FAIL_CHECK("it was taken for the same");
      } catch (const FileError& error) {
        CHECK(error.code() == ErrorCode::changed);
      }
    }
  }
  CHECK(handles.file.dataset("/square")[{1, 2}].read<int>()[0] == 12);  // never seen before
}

TEST_CASE("only when the path is denied, too, is a handle denied; and it lives again when it is not any more") {
  for (auto refusal : {ErrorCode::unknownTicket, ErrorCode::denied}) {
    CAPTURE(name(refusal));
    FakeServer server(sample());
    server.refusal = refusal;
    Handles handles(server);
    waitForTicket(server, handles.session);
    server.isLocked = true;
    server.restart();
    checkAllFail(handles, ErrorCode::denied);
    server.isLocked = false;
    for (auto& [name, isRight] : handles.uses()) {
      CAPTURE(name);
      CHECK(isRight());
    }
  }
}

TEST_CASE("a connection is lost before the first answer about a node") {
  FakeServer server(sample());
  Session session = connect(server.url());
  session.ping();
  server.hangUpsOnOpen = 1;
  CHECK(session.open("file.h5").dataset("/line")[{3}].read<int>()[0] == 3);
  server.hangUpsOnOpen = 1;
  CHECK(session.open("file.h5").dataset("/line").info()->space.shape == Shape{1000});
}
