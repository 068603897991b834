// Covers the framing that the stream lets through and what it refuses, its write order, and that it stops reading while
// too much is unsent.  Does not cover RPC (tests/cpp/objects, tests/faults).
#include "server/transport/guarded-stream.h"

#include <capnp/message.h>
#include <capnp/serialize-async.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>

using namespace h5cap;

namespace {

using Data = std::vector<kj::byte>;

// A frame with these segment sizes in words, filled with `value`.
Data frame(const std::vector<std::uint32_t>& segments, kj::byte value = 7) {
  Data result;
  auto put = [&](std::uint32_t number) {
    for (int i = 0; i < 4; ++i) result.push_back(number >> (8 * i));
  };
  put(segments.size() - 1);
  std::uint64_t words = 0;
  for (auto size : segments) put(size), words += size;
  if (result.size() % 8 != 0) put(0);
  result.insert(result.end(), words * 8, value);
  return result;
}

struct Pair {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::TwoWayPipe pipe = kj::newTwoWayPipe();
  kj::Own<kj::AsyncIoStream> peer = kj::mv(pipe.ends[0]);
  GuardedStream guarded;

  explicit Pair(StreamLimits limits = {}) : guarded(kj::mv(pipe.ends[1]), limits) {}

  // What the guarded stream hands on of `sent`, or the text of the exception.
  std::string pass(const Data& sent, Data& received) {
    received.resize(sent.size());
    auto writing = peer->write(sent.data(), sent.size()).then([this] { peer->shutdownWrite(); });
    std::string problem;
    auto reading = guarded.tryRead(received.data(), received.size(), received.size())
                       .then([&](std::size_t count) { received.resize(count); })
                       .catch_([&](kj::Exception&& exception) { problem = exception.getDescription().cStr(); });
    reading.wait(io.waitScope);
    return problem;
  }
};

}  // namespace

TEST_CASE("well-formed messages pass unchanged, however they are cut") {
  std::mt19937 random(1);
  Data sent;
  for (auto& segments : std::vector<std::vector<std::uint32_t>>{
           {1}, {0}, {3, 4}, {1, 2, 3}, {20'000}, {1}, std::vector<std::uint32_t>(64, 2), {100, 0, 5}}) {
    auto part = frame(segments, random());
    sent.insert(sent.end(), part.begin(), part.end());
  }
  Pair pair;
  Data received;
  CHECK(pair.pass(sent, received) == "");
  CHECK(received == sent);
  CHECK(pair.guarded.bytesReceived() == sent.size());
}

// Its body used to be copied to a null pointer, which memcpy may not be given.
TEST_CASE("an empty message is read into no memory") {
  Pair pair;
  Data sent = frame({0});
  auto writing = pair.peer->write(sent.data(), sent.size());
  auto message = capnp::readMessage(pair.guarded).wait(pair.io.waitScope);
  CHECK(message->getSegment(0).size() == 0);
  CHECK(pair.guarded.tryRead(nullptr, 0, 0).wait(pair.io.waitScope) == 0);
}

TEST_CASE("malformed, oversized and foreign beginnings are refused before anything is handed on") {
  Data http;
  for (char c : std::string("GET / HTTP/1.1\r\n\r\n")) http.push_back(c);
  const struct {
    const char* name;
    Data bytes;
    const char* expected;
  } table[] = {
      {"all ones", Data(8, 0xff), "malformed"},
      {"65 segments", frame(std::vector<std::uint32_t>(65, 0)), "malformed"},
      {"8 MiB and a word", {0, 0, 0, 0, 1, 0, 0x10, 0}, "larger"},
      {"two segments whose sizes overflow", {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
       "larger"},
      {"HTTP", http, "another protocol"},
      {"TLS", {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01}, "another protocol"},
  };
  for (auto& entry : table) {
    CAPTURE(std::string(entry.name));
    Pair pair;
    Data received;
    std::string problem = pair.pass(entry.bytes, received);
    CAPTURE(problem);
    CHECK(problem.find(entry.expected) != std::string::npos);
    CHECK(pair.guarded.refusal().find(entry.expected) != std::string::npos);
  }
  Pair pair;
  Data good = frame({1}), bytes = good, received;
  bytes.insert(bytes.end(), 8, 0xff);
  CHECK(pair.pass(bytes, received).find("malformed") != std::string::npos);
}

TEST_CASE("small and large writes arrive in order") {
  Pair pair;
  Data expected;
  auto sending = kj::Promise<void>(kj::READY_NOW);
  for (std::size_t size : {1, 10, 100'000, 5, 16'384, 16'383, 200'000, 3, 60'000, 7}) {
    auto bytes = kj::heapArray<kj::byte>(size);
    memset(bytes.begin(), static_cast<int>(size % 251), size);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    sending = sending.then([&pair, bytes = kj::mv(bytes)]() mutable {
      auto written = pair.guarded.write(bytes.begin(), bytes.size());
      return written.attach(kj::mv(bytes));
    });
  }
  Data received(expected.size());
  auto reading = pair.peer->read(received.data(), received.size());
  sending.wait(pair.io.waitScope);
  reading.wait(pair.io.waitScope);
  pair.io.waitScope.poll();
  CHECK(received == expected);
  CHECK(pair.guarded.bytesSent() == expected.size());
  CHECK(pair.guarded.bufferedBytes() == 0);
}

TEST_CASE("what was collected is sent before the stream is shut down") {
  Pair pair;
  pair.guarded.write("abc", 3).wait(pair.io.waitScope);
  pair.guarded.shutdownWrite();
  char received[8];
  CHECK(pair.peer->tryRead(received, 8, 8).wait(pair.io.waitScope) == 3);
}

TEST_CASE("reading pauses while too much is unsent") {
  Pair pair(StreamLimits{.maxUnsentBytes = 1000});
  std::uint64_t elsewhere = 2000;
  pair.guarded.countAlso([&] { return elsewhere; });
  Data message = frame({1}), received(message.size());
  auto writing = pair.peer->write(message.data(), message.size());
  auto reading = pair.guarded.tryRead(received.data(), received.size(), received.size());
  CHECK(!reading.poll(pair.io.waitScope));
  elsewhere = 0;
  Data sent(3);
  auto arriving = pair.peer->read(sent.data(), 3);
  pair.guarded.write("abc", 3).wait(pair.io.waitScope);
  arriving.wait(pair.io.waitScope);
  CHECK(reading.wait(pair.io.waitScope) == message.size());
  CHECK(received == message);
}
