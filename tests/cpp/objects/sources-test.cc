// Covers reads that are made of several files: one version of all of them, however many replies; what one reply may
// cost; how sources are looked at.  Does not cover which elements they are (tests/cpp/executor/carry-out-test.cc).
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

using Reply = capnp::Response<rpc::ReadReply>;

struct Terms {
  Bytes ifSources;
  std::uint64_t first = 0, replyBytes = 0;
};

auto readRequest(rpc::Dataset::Client dataset, const Selection& selection, const Terms& terms = {}) {
  auto request = dataset.readRequest();
  wire::write(selection, request.initSelection());
  auto options = request.getOptions();
  options.setIfSources(wire::asData(terms.ifSources));
  options.initCursor().setElement(terms.first);
  options.setReplyBytes(terms.replyBytes);
  return request;
}

Reply read(TestServer& server, rpc::Dataset::Client dataset, const Selection& selection, const Terms& terms = {}) {
  return readRequest(dataset, selection, terms).send().wait(server.io.waitScope);
}

template <class T>
std::vector<T> values(Reply& reply) {
  REQUIRE(reply.isPacked());
  std::vector<T> result(reply.getPacked().size() / sizeof(T));
  std::memcpy(result.data(), reply.getPacked().begin(), reply.getPacked().size());
  return result;
}

ErrorCode codeOf(TestServer& server, rpc::Dataset::Client dataset, const Selection& selection, const Terms& terms) {
  return errorFrom(readRequest(dataset, selection, terms).send(), server.io.waitScope).code;
}

void rewriteFrame(const std::string& path, int value) {
  // In place of the other, as instruments and `rsync` do it.
  const std::string beside = path + ".new";
  const std::string script = "import h5py, numpy; h5py.File('" + beside + "', 'w')['frame'] = numpy.full((4, 5), " +
                             std::to_string(value) + ", 'i4')";
  REQUIRE(system(("/usr/bin/python3 -c \"" + script + "\"").c_str()) == 0);
  std::filesystem::rename(beside, path);
}

const Selection nothing{range(0, 0)};

}  // namespace

TEST_CASE("a column through many sources is one reply, and they are opened once") {
  TestServer server;
  makeFiles("sources " + server.folder.path());
  TestClient client(server);
  auto stack = client.dataset("stack", "data/mapped.h5");
  const Selection column{all, std::int64_t{1}, std::int64_t{2}};
  auto reply = read(server, stack, column);
  std::vector<std::int32_t> expected;
  for (int i = 0; i < 300; ++i) expected.push_back(i);
  CHECK(values<std::int32_t>(reply) == expected);
  CHECK(reply.getMissingSources().size() == 0);
  const auto opens = server.opener->opens;
  CHECK(opens >= 301);
  auto again = read(server, stack, column);
  CHECK(values<std::int32_t>(again) == expected);
  CHECK(server.opener->opens <= opens + 300);  // their paths are looked up again, once each

  auto converted = read(server, client.dataset("converted", "data/mapped.h5"), column);
  CHECK(values<double>(converted) == std::vector<double>(expected.begin(), expected.end()));
}

TEST_CASE("who may open few files reads a column through many in several replies") {
  ObjectLimits limits;
  limits.fileDescriptors = 64;
  TestServer server(limits);
  makeFiles("sources " + server.folder.path());
  TestClient client(server);
  auto stack = client.dataset("stack", "data/mapped.h5");
  const Selection column{all, std::int64_t{1}, std::int64_t{2}};
  std::vector<std::int32_t> found;
  Terms terms;
  int replies = 0;
  do {
    auto reply = read(server, stack, column, terms);
    for (auto value : values<std::int32_t>(reply)) found.push_back(value);
    terms.first = found.size();
    terms.ifSources = wire::readBytes(reply.getSources());
    ++replies;
  } while (found.size() < 300 && replies < 300);
  CHECK(replies > 1);
  for (int i = 0; i < 300; ++i) CHECK(found[i] == i);
}

TEST_CASE("a source that is replaced between two replies of one read is noticed by the next one that reads it") {
  TestServer server;
  makeFiles("sources " + server.folder.path());
  TestClient client(server);
  auto stack = client.dataset("stack", "data/mapped.h5");
  auto first = read(server, stack, {range(0, 4)}, {{}, 0, 100});
  const Bytes sources = wire::readBytes(first.getSources());
  CHECK(!sources.empty());
  CHECK(first.getNext().getElement() == 25 - 5);
  // The control: nothing has changed, others may be met.
  CHECK(wire::readBytes(read(server, stack, {range(0, 4)}, {sources, 20, 100}).getSources()) == sources);
  CHECK(wire::readBytes(read(server, stack, {range(100, 104)}, {sources, 0, 0}).getSources()) == sources);

  rewriteFrame(server.folder.path() + "/frames/1.h5", 1000);
  server.io.provider->getTimer().afterDelay(150 * kj::MILLISECONDS).wait(server.io.waitScope);
  CHECK(codeOf(server, stack, {range(1, 2)}, {sources, 0, 0}) == ErrorCode::changed);
  // From then on every part of the read is of the past, and a read that begins is not.
  CHECK(codeOf(server, stack, {range(3, 4)}, {sources, 0, 0}) == ErrorCode::changed);
  auto anew = read(server, stack, {std::int64_t{1}});
  CHECK(values<std::int32_t>(anew) == std::vector<std::int32_t>(20, 1000));
  CHECK(wire::readBytes(anew.getSources()) != sources);
}

TEST_CASE("sources that were read before are looked at again at the end of a read, nested ones, too") {
  TestServer server;
  makeFiles("sources " + server.folder.path());
  TestClient client(server);
  const std::string frames = server.folder.path() + "/frames/";
  for (const char* name : {"stack", "converted"}) {
    CAPTURE(name);
    auto dataset = client.dataset(name, "data/mapped.h5");
    auto first = read(server, dataset, {std::int64_t{7}});
    const Bytes sources = wire::readBytes(first.getSources());
    CHECK(wire::readBytes(read(server, dataset, nothing, {sources}).getSources()) == sources);
    rewriteFrame(frames + "7.h5", 7);
    // Another source, read for the first time, knows nothing of that; the end of the read does.
    CHECK(wire::readBytes(read(server, dataset, {std::int64_t{8}}, {sources}).getSources()) == sources);
    CHECK(codeOf(server, dataset, nothing, {sources}) == ErrorCode::changed);

    auto next = read(server, dataset, {std::int64_t{9}});
    const Bytes later = wire::readBytes(next.getSources());
    std::filesystem::rename(frames + "9.h5", frames + "away.h5");
    CHECK(codeOf(server, dataset, nothing, {later}) == ErrorCode::changed);
    std::filesystem::rename(frames + "away.h5", frames + "9.h5");
  }
}

TEST_CASE("a raw file that is replaced between two replies is noticed") {
  TestServer server;
  TestClient client(server);
  auto external = client.dataset("external", "data/elements.h5");
  auto first = read(server, external, {range(0, 2)}, {{}, 0, 64});
  const Bytes sources = wire::readBytes(first.getSources());
  CHECK(!sources.empty());
  CHECK(codeOf(server, external, {range(0, 2)}, {sources, 16, 64}) == ErrorCode::failed);  // the control: no error
  const std::string raw = server.folder.path() + "/first.raw";
  std::filesystem::copy_file(raw, raw + ".new");
  std::filesystem::rename(raw + ".new", raw);
  CHECK(codeOf(server, external, {range(0, 2)}, {sources, 16, 64}) == ErrorCode::changed);
}

TEST_CASE("elements of the file itself are made of nothing else") {
  TestServer server;
  TestClient client(server);
  CHECK(read(server, client.dataset("contiguous"), {}).getSources().size() == 0);
  CHECK(read(server, client.dataset("contiguous"), nothing).getSources().size() == 0);
}

TEST_CASE("datasets that map each other in ever other ways cost one reply what is bounded") {
  TestServer server;
  makeFiles("sources " + server.folder.path());
  TestClient client(server);
  auto shifted = client.dataset("shifted0", "data/mapped.h5");
  // Later mappings count, each of which shifts further: 4 a level, as long as there is one.
  auto& timer = server.io.provider->getTimer();
  const auto begun = timer.now();
  auto error = errorFrom(readRequest(shifted, {range(0, 8)}).send(), server.io.waitScope);
  CAPTURE(error.message);
  CHECK((error.message.empty() || error.code == ErrorCode::tooLarge));
  CHECK(timer.now() - begun < 20 * kj::SECONDS);
  // Nearer to the source it is read.
  auto reply = read(server, client.dataset("shifted9", "data/mapped.h5"), {range(0, 8)});
  std::vector<std::int32_t> expected;
  for (int i = 0; i < 8; ++i) expected.push_back(i + 12);
  CHECK(values<std::int32_t>(reply) == expected);
}
