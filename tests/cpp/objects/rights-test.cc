// Covers Access through the whole server: what a file that was opened to be listed gives, links and virtual datasets
// into files with fewer rights, rights that are taken back; and paths as they are kept.  Does not cover who is granted
// what (tests/cpp/access).
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>

#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

auto openFile(TestClient& client, rpc::Access access, const char* path = "data/a.h5") {
  auto request = client.root().openFileRequest();
  request.setPath(path);
  request.initOptions().setAccess(access);
  request.getOptions().setSnapshotBytes(1 << 20);
  return request.send();
}

rpc::Dataset::Client dataset(rpc::Group::Client group, const char* path) {
  auto request = group.openRequest();
  request.setPath(path);
  return request.send().getNode().castAs<rpc::Dataset>();
}

// Grants less than everything for some paths, and takes back.
class TestAuthoriser final : public Authoriser {
 public:
  std::map<std::string, rpc::Access> rights;  // to read, for paths that are not here
  std::map<std::string, std::shared_ptr<Revocation>> revocations;  // `revocation` for paths that are not here
  const std::shared_ptr<Revocation> revocation = std::make_shared<Revocation>();

  Grant authorise(const AccessQuestion& question) const override {
    const std::string& path = question.finalPath.value_or(question.requestedPath);
    auto known = rights.find(path);
    const auto right = known == rights.end() ? rpc::Access::READ : known->second;
    if (question.access > right) throw Denied(question.requestedPath + ": not allowed");
    auto its = revocations.find(path);
    return Grant(right, question.requestedPath, std::nullopt, its == revocations.end() ? revocation : its->second);
  }
};

}  // namespace

TEST_CASE("elements came of a file that was opened with no right, or with that to list") {
  TestServer server;
  TestClient client(server);
  auto& waitScope = server.io.waitScope;

  auto none = errorFrom(openFile(client, rpc::Access::NONE), waitScope);
  CHECK(none.code == ErrorCode::denied);
  CHECK(none.message.find("`list` or `read`") != std::string::npos);
  CHECK(errorFrom(openFile(client, rpc::Access::WRITE), waitScope).code == ErrorCode::unimplemented);

  for (auto access : {rpc::Access::LIST, rpc::Access::READ}) {
    CAPTURE(static_cast<int>(access));
    const auto expected = access == rpc::Access::READ ? std::string() : "[denied]";
    auto outcome = [&](auto promise) {
      auto error = errorFrom(kj::mv(promise), waitScope);
      return error.message.empty() ? std::string() : "[" + std::string(name(error.code)) + "]";
    };
    auto opened = openFile(client, access).wait(waitScope);
    CHECK(opened.getSnapshot().getNodes().size() > 5);
    auto file = opened.getFile();
    CHECK(outcome(file.readBytesRequest().send()) == expected);
    for (const char* path : {"contiguous", "soft", "external", "external-group/line", "virtual"}) {
      CAPTURE(path);
      CHECK(outcome(dataset(file, path).readRequest().send()) == expected);
      CHECK(outcome(dataset(file, path).describeRequest().send()) == "");
    }
    // What is reached step by step has no more.
    auto group = file.openRequest();
    group.setPath("external-group");
    CHECK(outcome(dataset(group.send().getNode().castAs<rpc::Group>(), "line").readRequest().send()) == expected);

    CHECK(outcome(file.statRequest().send()) == "");
    CHECK(outcome(file.listRequest().send()) == "");
    auto title = file.attributesRequest().send().getAttributes().readRequest();
    title.setName("title");
    CHECK(outcome(title.send()) == "");
    CHECK(outcome(dataset(file, "virtual").missingSourcesRequest().send()) == "");

    auto seal = dataset(file, "external").sealRequest();
    seal.initOptions().setAccess(rpc::Access::READ);
    auto restore = client.service().restoreRequest();
    restore.setTicket(seal.send().wait(waitScope).getTicket());
    CHECK(outcome(restore.send().getObject().castAs<rpc::Dataset>().readRequest().send()) == expected);
  }
}

TEST_CASE("links and virtual datasets lead to files with fewer rights, and to no more than these") {
  auto authoriser = std::make_shared<TestAuthoriser>();
  authoriser->rights["data/b.h5"] = rpc::Access::LIST;
  TestServer server({}, authoriser);
  TestClient client(server);
  auto& waitScope = server.io.waitScope;
  auto file = openFile(client, rpc::Access::READ).getFile();
  CHECK(errorFrom(dataset(file, "external").describeRequest().send(), waitScope).message == "");
  CHECK(errorFrom(dataset(file, "external").readRequest().send(), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(dataset(file, "virtual").readRequest().send(), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(openFile(client, rpc::Access::READ, "data/b.h5"), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(openFile(client, rpc::Access::LIST, "data/b.h5"), waitScope).message == "");
  CHECK(errorFrom(dataset(file, "contiguous").readRequest().send(), waitScope).message == "");  // the control
}

TEST_CASE("a user may list a folder and read a file in it") {
  auto authoriser = std::make_shared<TestAuthoriser>();
  authoriser->rights[""] = authoriser->rights["data"] = rpc::Access::LIST;
  TestServer server({}, authoriser);
  TestClient client(server);
  auto folder = client.root().openRequest();
  folder.setPath("data");
  auto open = folder.send().getDirectory().openFileRequest();
  open.setPath("a.h5");
  CHECK(errorFrom(dataset(open.send().getFile(), "contiguous").readRequest().send(), server.io.waitScope).message ==
        "");
}

TEST_CASE("when a right is taken back, everything that was opened by it is denied") {
  auto authoriser = std::make_shared<TestAuthoriser>();
  TestServer server({}, authoriser);
  TestClient client(server);
  auto& waitScope = server.io.waitScope;
  auto root = client.root();
  auto frames = dataset(openFile(client, rpc::Access::READ).getFile(), "frames");
  frames.readRequest().send().wait(waitScope);
  auto attributes = frames.attributesRequest().send().getAttributes();
  attributes.listRequest().send().wait(waitScope);
  authoriser->revocation->revoke();
  CHECK(errorFrom(frames.readRequest().send(), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(frames.describeRequest().send(), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(attributes.listRequest().send(), waitScope).code == ErrorCode::denied);
  CHECK(errorFrom(root.listRequest().send(), waitScope).code == ErrorCode::denied);
}

TEST_CASE("a read that runs outlived the right to the source or raw file that it reads") {
  const std::map<const char*, const char*> roads = {
      {"data/a.h5", "virtual"}, {"data/elements.h5", "external"}, {"data/b.h5", "line"}};
  for (auto [path, name] : roads) {
    CAPTURE(path);
    auto authoriser = std::make_shared<TestAuthoriser>();
    TestServer server({}, authoriser);
    TestClient client(server);
    auto& waitScope = server.io.waitScope;
    auto node = dataset(openFile(client, rpc::Access::READ, path).getFile(), name);
    // The source opens anew: what it had was taken back.
    auto renew = [&] {
      for (const char* source : {"data/b.h5", "data/second.raw"})
        authoriser->revocations[source] = std::make_shared<Revocation>();
    };
    auto takeBack = [&] {
      for (auto& [source, revocation] : authoriser->revocations) revocation->revoke();
    };
    const bool isSource = std::string(name) != "line";
    if (isSource) renew();
    CHECK(errorFrom(node.readRequest().send(), waitScope).message == "");
    unsigned denied = 0;
    for (int turns = 0; turns < 40; ++turns) {
      takeBack();
      if (isSource) renew();
      auto running = node.readRequest().send();
      server.io.provider->getTimer().afterDelay(turns * 20 * kj::MICROSECONDS).wait(waitScope);
      takeBack();
      auto error = errorFrom(kj::mv(running), waitScope);
      CAPTURE(error.message);
      CHECK((error.message.empty() || error.code == ErrorCode::denied));
      denied += !error.message.empty();
    }
    CAPTURE(denied);
    CHECK((denied > 0) == isSource);  // the control: this file's own right is another one
  }
}

TEST_CASE("a source that was kept open was read with the right that had been taken back") {
  auto authoriser = std::make_shared<TestAuthoriser>();
  const auto first = authoriser->revocations["data/b.h5"] = std::make_shared<Revocation>();
  TestServer server({}, authoriser);
  TestClient client(server);
  auto& waitScope = server.io.waitScope;
  auto virtualDataset = dataset(openFile(client, rpc::Access::READ).getFile(), "virtual");
  CHECK(errorFrom(virtualDataset.readRequest().send(), waitScope).message == "");
  authoriser->rights["data/b.h5"] = rpc::Access::NONE;
  first->revoke();
  CHECK(errorFrom(virtualDataset.readRequest().send(), waitScope).code == ErrorCode::denied);

  // Granted again, in the moment for which the source would have been trusted.
  authoriser->rights.clear();
  authoriser->revocations["data/b.h5"] = std::make_shared<Revocation>();
  CHECK(errorFrom(virtualDataset.readRequest().send(), waitScope).message == "");
  CHECK(errorFrom(virtualDataset.readRequest().send(), waitScope).message == "");
}

TEST_CASE("a folder or file that was opened by a long way round kept the way") {
  TestServer server;
  TestClient client(server);
  auto& waitScope = server.io.waitScope;
  std::string around = "data/";
  for (int i = 0; i < 100'000; ++i) around += "././/";
  auto opened = openFile(client, rpc::Access::READ, (around + "a.h5").c_str()).wait(waitScope);
  CHECK(std::string(opened.getInfo().getPath().cStr()) == "data/a.h5");

  auto folder = client.root().openRequest();
  folder.setPath(around);
  auto file = folder.send().getDirectory().openFileRequest();
  file.setPath("./a.h5");
  CHECK(std::string(file.send().wait(waitScope).getInfo().getPath().cStr()) == "a.h5");
  CHECK(client.caller->principal->handleBytes().used() < 20'000);

  auto tooLong = client.root().openRequest();
  tooLong.setPath("data/" + std::string(5000, 'x'));
  auto error = errorFrom(tooLong.send(), waitScope);
  CHECK(error.code == ErrorCode::notFound);
  CHECK(error.message.size() < 200);
  for (const char* above : {"..", "data/../..", "data/..", "data/x/../../y"}) {
    auto request = client.root().openRequest();
    request.setPath(above);
    CHECK(errorFrom(request.send(), waitScope).code == ErrorCode::denied);
  }
}
