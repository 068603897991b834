// Covers reads of datasets through the whole server: layouts, links, virtual datasets, cursors, errors, round trips.
// Does not cover values of every datatype (tests/conformance) nor files that change (versions-test.cc).
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

struct Answer {
  capnp::Response<rpc::ReadReply> reply;

  template <class T>
  std::vector<T> values() {
    REQUIRE(reply.isPacked());
    auto data = reply.getPacked();
    std::vector<T> result(data.size() / sizeof(T));
    if (!result.empty()) std::memcpy(result.data(), data.begin(), data.size());
    return result;
  }
};

auto readRequest(rpc::Dataset::Client dataset, const Selection& selection) {
  auto request = dataset.readRequest();
  wire::write(selection, request.initSelection());
  return request;
}

Answer read(TestClient& client, const char* path, const Selection& selection = {}) {
  return {readRequest(client.dataset(path), selection).send().wait(client.server.io.waitScope)};
}

ErrorText errorOfRead(TestClient& client, const char* path, const Selection& selection = {}) {
  return errorFrom(readRequest(client.dataset(path), selection).send(), client.server.io.waitScope);
}

}  // namespace

TEST_CASE("contiguous, chunked, unwritten and empty datasets") {
  TestServer server;
  TestClient client(server);

  CHECK(read(client, "/contiguous", {std::int64_t{-1}, range(5, 8)}).values<std::int32_t>() ==
        std::vector<std::int32_t>{905, 906, 907});

  auto frame = read(client, "frames", {std::int64_t{42}});
  CHECK(frame.reply.getSelected().size() == 2);
  CHECK(frame.reply.getShape().size() == 3);
  auto pixels = frame.values<std::uint16_t>();
  REQUIRE(pixels.size() == 64 * 64);
  for (std::size_t i = 0; i < pixels.size(); ++i) REQUIRE(pixels[i] == static_cast<std::uint16_t>(42 * 64 * 64 + i));

  auto never = read(client, "never");
  REQUIRE(never.reply.isFill());
  CHECK(never.reply.getCount() == 10'000);
  float fill;
  std::memcpy(&fill, never.reply.getFill().begin(), sizeof fill);
  CHECK(fill == 7.0f);

  CHECK(read(client, "group/scalar").values<double>() == std::vector<double>{3.5});
  CHECK(read(client, "group/empty").values<float>().empty());
  CHECK(read(client, "contiguous", {range(3, 3)}).values<std::int32_t>().empty());
}

TEST_CASE("variable-length strings come with their heap") {
  TestServer server;
  TestClient client(server);
  auto answer = read(client, "group/strings");
  auto places = answer.values<std::uint64_t>();
  auto heap = answer.reply.getHeap();
  std::vector<std::string> words;
  for (std::size_t i = 0; i < places.size(); i += 2)
    words.emplace_back(reinterpret_cast<const char*>(heap.begin()) + places[i], places[i + 1]);
  CHECK(words == std::vector<std::string>{"ab", "cde", ""});
}

TEST_CASE("a reply that is cut goes on at its cursor") {
  TestServer server;
  TestClient client(server);
  std::vector<std::uint8_t> all;
  std::uint64_t next = 0;
  unsigned replies = 0;
  do {
    auto request = readRequest(client.dataset("big"), {});
    request.getOptions().setReplyBytes(300'000);
    request.getOptions().initCursor().setElement(next);
    Answer answer{request.send().wait(server.io.waitScope)};
    auto part = answer.values<std::uint8_t>();
    CHECK(part.size() <= 300'000);
    CHECK(answer.reply.getFirst() == all.size());
    all.insert(all.end(), part.begin(), part.end());
    next = answer.reply.hasNext() ? answer.reply.getNext().getElement() : 0;
    ++replies;
  } while (next != 0);
  CHECK(replies == 7);
  REQUIRE(all.size() == 2 << 20);
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == static_cast<std::uint8_t>(i));
}

TEST_CASE("links lead to datasets in this file and in others") {
  TestServer server;
  TestClient client(server);
  CHECK(read(client, "soft").values<double>() == std::vector<double>{3.5});
  CHECK(read(client, "external", {range(2, 4)}).values<std::int64_t>() == std::vector<std::int64_t>{2, 3});
  CHECK(read(client, "external-group/line", {range(2, 4)}).values<std::int64_t>() == std::vector<std::int64_t>{2, 3});
  CHECK(errorOfRead(client, "dangling").code == ErrorCode::notFound);
  auto missing = errorOfRead(client, "external-missing");
  CHECK(missing.code == ErrorCode::notFound);
  CHECK(missing.message.find("absent.h5") != std::string::npos);
  CHECK(errorOfRead(client, "loop").code == ErrorCode::notFound);
}

TEST_CASE("virtual datasets are read from their sources; absent ones are fill, and listed, or an error") {
  TestServer server;
  TestClient client(server);
  auto answer = read(client, "virtual", {all, range(8)});
  CHECK(answer.values<std::int64_t>() == std::vector<std::int64_t>{8, 9, 8, 9, 8, 9, -1, -1});
  REQUIRE(answer.reply.getMissingSources().size() == 1);
  CHECK(std::string(answer.reply.getMissingSources()[0].cStr()) == "absent.h5");
  CHECK(read(client, "virtual", {std::int64_t{1}}).reply.getMissingSources().size() == 0);

  auto request = readRequest(client.dataset("virtual"), {});
  request.getOptions().setMissingSources(rpc::MissingSources::RAISE);
  CHECK(errorFrom(request.send(), server.io.waitScope).code == ErrorCode::missingSource);

  auto words = read(client, "virtual-words");
  auto places = words.values<std::uint64_t>();
  auto heap = words.reply.getHeap().asChars();
  REQUIRE(places.size() == 4);
  CHECK(std::string(heap.begin() + places[0], places[1]) == "two");
  CHECK(std::string(heap.begin() + places[2], places[3]) == "three");

  CHECK(errorOfRead(client, "endless").code == ErrorCode::fileProblem);
}

TEST_CASE("describe answered with what opening tells: no mappings, no storage size") {
  TestServer server;
  TestClient client(server);
  auto describe = [&](const char* path) {
    auto reply = client.dataset(path, "data/over.h5").describeRequest().send().wait(server.io.waitScope);
    return wire::read(reply.getInfo());
  };
  NodeInfo mapped = describe("changing");
  REQUIRE(mapped.dataset);
  REQUIRE(mapped.dataset->virtualSources.size() == 1);
  CHECK(mapped.dataset->virtualSources[0].file == "changing.h5");
  CHECK(describe("packed").dataset->storageBytes == 100 * 100 * 8);
}

TEST_CASE("elements that were never written and never filled showed the fill value") {
  TestServer server;
  TestClient client(server);
  auto open = [&](const char* path) {
    return readRequest(client.dataset(path, "data/over.h5"), {}).send().wait(server.io.waitScope);
  };
  auto contiguous = open("never-contiguous");
  REQUIRE(contiguous.isFill());
  CHECK(wire::readBytes(contiguous.getFill()) == Bytes(4));
  CHECK(Answer{open("never-chunked")}.values<std::int32_t>() == std::vector<std::int32_t>{9, 9, 9, 0});
  auto info = client.dataset("never-chunked", "data/over.h5").describeRequest().send().wait(server.io.waitScope);
  CHECK(wire::read(info.getInfo()).dataset->fillValue.at(0) == std::byte{7});
}

TEST_CASE("a chain of links that libhdf5 does not follow to its end was followed, or not found") {
  TestServer server;
  TestClient client(server);
  auto outcome = [&](const char* path) {
    return errorFrom(readRequest(client.dataset(path, "data/over.h5"), {}).send(), server.io.waitScope);
  };
  CHECK(outcome("chain15").message.empty());
  auto error = outcome("chain16");
  CHECK(error.code == ErrorCode::failed);
  CHECK(error.message.find("too many links") != std::string::npos);
}

TEST_CASE("names in a file that is reached through a symbolic link were looked for only beside the file itself") {
  TestServer server;
  TestClient client(server);
  auto line = [&](const char* file) {
    auto reply = readRequest(client.dataset("external", file), {range(2, 4)}).send().wait(server.io.waitScope);
    return Answer{kj::mv(reply)}.values<std::int64_t>();
  };
  CHECK(line("data/elsewhere/a.h5") == std::vector<std::int64_t>{102, 103});
  CHECK(line("data/bare/a.h5") == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("what is wrong with a read is said by its code") {
  TestServer server;
  TestClient client(server);
  const struct {
    const char* path;
    Selection selection;
    ErrorCode code;
  } table[] = {
      {"absent", {}, ErrorCode::notFound},
      {"contiguous/below", {}, ErrorCode::notFound},
      {"contiguous", {std::int64_t{10}}, ErrorCode::badSelection},
      {"contiguous", {std::int64_t{0}, std::int64_t{0}, std::int64_t{0}}, ErrorCode::badSelection},
      {"group", {}, ErrorCode::badType},
      {"type", {}, ErrorCode::badType},
  };
  for (auto& entry : table) {
    CAPTURE(entry.path);
    auto error = errorOfRead(client, entry.path, entry.selection);
    CAPTURE(error.message);
    CHECK(error.code == entry.code);
  }
  auto other = errorFrom(readRequest(client.dataset("a", "data/absent.h5"), {}).send(), server.io.waitScope);
  CHECK(other.code == ErrorCode::notFound);
  other = errorFrom(readRequest(client.dataset("a", "data/text.txt"), {}).send(), server.io.waitScope);
  CHECK(other.code == ErrorCode::fileProblem);
  auto stale = readRequest(client.dataset("contiguous"), {});
  stale.getOptions().setIfVersion(kj::StringPtr("another").asBytes());
  CHECK(errorFrom(stale.send(), server.io.waitScope).code == ErrorCode::changed);
}

TEST_CASE("from login to elements is one round trip") {
  TestServer server;
  TestClient client(server);
  client.delayAnswers(10 * kj::MILLISECONDS);  // so that whatever is pipelined leaves before the first answer
  read(client, "frames", {std::int64_t{1}});
  CHECK(client.flights() == 1);
  read(client, "external");
  CHECK(client.flights() == 2);
}

TEST_CASE("when every call has been answered, nothing is held") {
  TestServer server;
  {
    TestClient client(server);
    for (int i = 0; i < 20; ++i) read(client, "frames", {std::int64_t{i}});
    server.io.waitScope.poll();
    CHECK(server.context.runningCalls == 0);
    CHECK(client.state->replyBytes->used() == 0);
    CHECK(client.state->reads->used() == 0);
    CHECK(server.context.replyBytes.used() == 0);
    // The bootstrap's login and the file may still be held by the client's unfinished questions; nodes are not.
    CHECK(client.state->handles <= 4);
  }
}
