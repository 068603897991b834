#include "tests/cpp/objects/in-process.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace h5cap {
namespace {

std::string plannerProgram() {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  const std::string path(self, length);
  return path.substr(0, path.rfind('/')) + "/h5cap-planner";
}

}  // namespace

void makeFiles(const std::string& arguments) {
  if (system(("/usr/bin/python3 " H5CAP_TEST_SOURCE "/make_files.py " + arguments).c_str()) != 0)
    throw std::runtime_error("make_files.py " + arguments + " failed");
}

SampleFolder::SampleFolder() {
  char name[] = "/tmp/h5cap-objects-XXXXXX";
  if (mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = std::string(name) + "/data";
  std::filesystem::create_directory(path_);
  makeFiles("files " + path_);
}

SampleFolder::~SampleFolder() { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }

TestServer::TestServer(ObjectLimits limits, std::shared_ptr<const Authoriser> authoriser)
    : io(kj::setupAsyncIo()),
      opener(kj::heap<CountingOpener>(makeOpener({Export{"data", folder.path()}}, std::move(authoriser), lanes))),
      planners(makePlannerPool(*io.lowLevelProvider, io.provider->getTimer(),
                               PlannerPoolOptions{.executable = plannerProgram()})),
      executor(lanes), context(*opener, *planners, executor, chunks, io.provider->getTimer(), limits) {}

TestClient::TestClient(TestServer& server)
    : TestClient(server, kj::newTwoWayPipe()) {}

TestClient::TestClient(TestServer& server, kj::TwoWayPipe pipe)
    : server(server),
      state(kj::refcounted<ConnectionState>(server.context,
                                            server.context.principals.of({Authentication::none, "anyone"}))),
      caller(kj::refcounted<Caller>(kj::addRef(*state), kj::atomicAddRef(*state->principal))),
      stream_(kj::heap<CountingStream>(kj::mv(pipe.ends[0]), server.io.provider->getTimer())),
      far_(kj::mv(pipe.ends[1])),
      serverNetwork_(*far_, capnp::rpc::twoparty::Side::SERVER),
      serverRpc_(capnp::makeRpcServer(serverNetwork_, makeService(kj::addRef(*caller)))),
      client_(*stream_) {}

rpc::Service::Client TestClient::service() { return client_.bootstrap().castAs<rpc::Service>(); }

rpc::Directory::Client TestClient::root() {
  auto login = service().loginRequest();
  login.initCredential().setAmbient();
  return login.send().getSession().rootRequest().send().getDirectory();
}

rpc::File::Client TestClient::file(const char* path) {
  auto open = root().openFileRequest();
  open.setPath(path);
  return open.send().getFile();
}

rpc::Dataset::Client TestClient::dataset(const char* path, const char* filePath) {
  auto open = file(filePath).openRequest();
  open.setPath(path);
  return open.send().getNode().castAs<rpc::Dataset>();
}

}  // namespace h5cap
