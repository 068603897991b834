// Covers files that change, shrink or are replaced while they are open, and planners that are killed.  Does not cover
// writers that never pause (tests/faults).
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

auto readRequest(rpc::Dataset::Client dataset, const Selection& selection) {
  auto request = dataset.readRequest();
  wire::write(selection, request.initSelection());
  return request;
}

std::int32_t readOne(rpc::Dataset::Client dataset, const Selection& selection, TestServer& server) {
  auto reply = readRequest(dataset, selection).send().wait(server.io.waitScope);
  REQUIRE(reply.isPacked());
  std::int32_t value;
  REQUIRE(reply.getPacked().size() == sizeof value);
  std::memcpy(&value, reply.getPacked().begin(), sizeof value);
  return value;
}

// Processes whose parent is `parent`.
std::vector<pid_t> childrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const auto end = text.rfind(')');
    if (end == std::string::npos) continue;
    char state;
    pid_t itsParent;
    if (std::sscanf(text.c_str() + end + 1, " %c %d", &state, &itsParent) == 2 && itsParent == parent && state != 'Z')
      children.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return children;
}

unsigned killPlanners() {
  unsigned killed = 0;
  for (pid_t zygote : childrenOf(getpid()))
    for (pid_t planner : childrenOf(zygote)) killed += kill(planner, SIGKILL) == 0;
  return killed;
}

// A live SWMR writer of `path`, ended with the object.
class SwmrWriter {
 public:
  explicit SwmrWriter(const std::string& path) {
    int in[2], out[2];
    KJ_SYSCALL(pipe(in));
    KJ_SYSCALL(pipe(out));
    KJ_SYSCALL(process_ = fork());
    if (process_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      for (int end : {in[0], in[1], out[0], out[1]}) close(end);
      execl("/usr/bin/python3", "python3", H5CAP_TEST_SOURCE "/make_files.py", "swmr", path.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    commands_ = kj::AutoCloseFd(in[1]);
    answers_ = fdopen(out[0], "r");
    REQUIRE(answer() == "ready\n");
  }
  ~SwmrWriter() {
    commands_ = nullptr;
    waitpid(process_, nullptr, 0);
    fclose(answers_);
  }

  void append(int value) {
    const std::string line = std::to_string(value) + "\n";
    REQUIRE(write(commands_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    REQUIRE(answer() == "written\n");
  }

 private:
  std::string answer() {
    char line[64] = "";
    return fgets(line, sizeof line, answers_) == nullptr ? "" : line;
  }

  pid_t process_;
  kj::AutoCloseFd commands_;
  FILE* answers_;
};

const Selection corner{std::int64_t{0}, std::int64_t{0}};
const Selection lastCorner{std::int64_t{-1}, std::int64_t{-1}};

}  // namespace

TEST_CASE("a file that is rewritten or grows is read in its new version, through the same capability") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("values", "data/changing.h5");
  CHECK(readOne(dataset, corner, server) == 0);
  auto before = readRequest(dataset, corner).send().wait(server.io.waitScope);
  for (int value = 1; value <= 3; ++value) {
    makeFiles("rewrite " + server.folder.path() + "/changing.h5 " + std::to_string(value));
    CHECK(readOne(dataset, corner, server) == value);
    CHECK(readOne(dataset, lastCorner, server) == value);
  }
  makeFiles("append " + server.folder.path() + "/changing.h5 9");
  auto grown = readRequest(dataset, lastCorner).send().wait(server.io.waitScope);
  CHECK(grown.getShape()[0] == 210);
  CHECK(readOne(dataset, lastCorner, server) == 9);
  CHECK(wire::readBytes(grown.getVersion()) != wire::readBytes(before.getVersion()));

  auto stale = readRequest(dataset, corner);
  stale.getOptions().setIfVersion(before.getVersion());
  CHECK(errorFrom(stale.send(), server.io.waitScope).code == ErrorCode::changed);
  CHECK(dataset.describeRequest().send().wait(server.io.waitScope).getInfo().getDataset().getSpace().getSimple()[0] ==
        210);
}

TEST_CASE("who knows the elements in the current version is told so; after a change they come") {
  TestServer server;
  TestClient client(server);
  auto readKnowing = [&](rpc::Dataset::Client dataset, const Version& known) {
    auto request = readRequest(dataset, corner);
    request.getOptions().setKnownVersion(wire::asData(known));
    return request.send().wait(server.io.waitScope);
  };
  auto values = client.dataset("values", "data/changing.h5");
  auto first = readKnowing(values, Version(3));
  REQUIRE(first.isPacked());
  const Version version = wire::readBytes(first.getVersion());
  auto again = readKnowing(values, version);
  CHECK(again.isUnchanged());
  CHECK(wire::readBytes(again.getVersion()) == version);
  CHECK_FALSE(again.hasNext());
  CHECK(again.getShape()[0] == 200);

  makeFiles("rewrite " + server.folder.path() + "/changing.h5 4");
  auto changed = readKnowing(values, version);
  REQUIRE(changed.isPacked());
  CHECK(wire::readBytes(changed.getVersion()) != version);

  // The version of a virtual dataset's file says nothing of its sources.
  auto over = client.dataset("changing", "data/over.h5");
  auto mapped = readKnowing(over, {});
  CHECK(readKnowing(over, wire::readBytes(mapped.getVersion())).isPacked());
}

TEST_CASE("a file that is replaced stays what it was for who has it open, and is new for who opens it") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("values", "data/changing.h5");
  CHECK(readOne(dataset, corner, server) == 0);
  const std::string path = server.folder.path() + "/changing.h5";
  makeFiles("rewrite " + path + ".new 5");
  std::filesystem::rename(path + ".new", path);
  CHECK(readOne(dataset, corner, server) == 0);
  CHECK(readOne(client.dataset("values", "data/changing.h5"), corner, server) == 5);
}

TEST_CASE("every reply of a virtual dataset opened its sources anew") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("changing", "data/over.h5");
  CHECK(readOne(dataset, corner, server) == 0);
  const unsigned opens = server.opener->opens;
  auto& timer = server.io.provider->getTimer();
  const auto start = timer.now();
  for (int i = 0; i < 200; ++i) CHECK(readOne(dataset, {std::int64_t{i}, std::int64_t{0}}, server) == 0);
  // Looked up again every 100 ms.
  const auto moments = static_cast<unsigned>((timer.now() - start) / (100 * kj::MILLISECONDS));
  CHECK(server.opener->opens - opens <= moments + 1);
}

TEST_CASE("sources that are kept open give up their places with their file") {
  TestServer server;
  TestClient client(server);
  readRequest(client.dataset("contiguous"), corner).send().wait(server.io.waitScope);
  const Stock& handles = server.context.principals.stocks().handleBytes;
  const auto before = handles.used();
  {
    auto dataset = client.dataset("changing", "data/over.h5");
    CHECK(readOne(dataset, corner, server) == 0);
  }
  for (int i = 0; i < 3; ++i) readRequest(client.dataset("contiguous"), corner).send().wait(server.io.waitScope);
  server.io.waitScope.poll();
  CHECK(handles.used() <= before + 4096);  // one file may still be closing, not two
}

TEST_CASE("a source of a virtual dataset that is rewritten, replaced or appears is noticed by the next read") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("changing", "data/over.h5");
  auto absent = client.dataset("absent", "data/over.h5");
  const std::string folder = server.folder.path(), path = folder + "/changing.h5";
  CHECK(readOne(dataset, corner, server) == 0);
  CHECK(readRequest(absent, corner).send().wait(server.io.waitScope).getMissingSources().size() == 1);
  makeFiles("rewrite " + path + " 1");
  CHECK(readOne(dataset, corner, server) == 1);
  for (int value = 2; value <= 4; ++value) {
    makeFiles("rewrite " + path + ".new " + std::to_string(value));
    CHECK(readOne(dataset, corner, server) == value - 1);  // looked up just now
    std::filesystem::rename(path + ".new", path);
    CHECK(readOne(dataset, corner, server) == value);
  }
  std::filesystem::rename(path, folder + "/later.h5");
  CHECK(readOne(absent, corner, server) == 4);
  CHECK(readRequest(dataset, corner).send().wait(server.io.waitScope).getMissingSources().size() == 1);
}

TEST_CASE("a symbolic link that leads to another source is noticed a moment later") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("through-link", "data/over.h5");
  const std::string folder = server.folder.path();
  CHECK(readOne(dataset, corner, server) == 0);
  makeFiles("rewrite " + folder + "/other.h5 6");
  std::filesystem::create_symlink("other.h5", folder + "/current.new");
  std::filesystem::rename(folder + "/current.new", folder + "/current.h5");
  server.io.provider->getTimer().afterDelay(150 * kj::MILLISECONDS).wait(server.io.waitScope);
  CHECK(readOne(dataset, corner, server) == 6);
}

TEST_CASE("all who follow a file share one refresh, and one version") {
  TestServer server;
  auto principal = server.context.principals.of({Authentication::none, "anyone"});
  auto opened = server.opener->open(kj::atomicAddRef(*principal), "data/changing.h5", rpc::Access::READ)
                    .wait(server.io.waitScope);
  auto file = server.context.files.of(kj::mv(opened->file));
  auto first = file->current();
  auto second = file->current();  // before anybody has looked
  auto a = first.wait(server.io.waitScope), b = second.wait(server.io.waitScope);
  CHECK(a.get() == b.get());

  // While somebody has it open for writing nothing is kept: each look makes a version.  So one version is one look.
  std::ofstream writer(server.folder.path() + "/changing.h5", std::ios::in | std::ios::out);
  writer.seekp(0, std::ios::end) << "x" << std::flush;
  std::vector<kj::Promise<kj::Own<FileVersion>>> followers;
  for (int i = 0; i < 100; ++i) followers.push_back(file->current());
  std::vector<kj::Own<FileVersion>> versions;
  for (auto& follower : followers) versions.push_back(follower.wait(server.io.waitScope));
  for (auto& version : versions) CHECK(version.get() == versions[0].get());
  CHECK(versions[0]->state().size == a->state().size + 1);
  CHECK(!versions[0]->isSettled());
  CHECK(file->latest() == nullptr);

  // The control: who asks later gets another one, of the same state.
  auto later = file->current().wait(server.io.waitScope);
  CHECK(later.get() != versions[0].get());
  CHECK(later->state() == versions[0]->state());
  CHECK(later->name() != versions[0]->name());
}

TEST_CASE("two follows at once of a file with a live SWMR writer are one refresh and one version") {
  TestServer server;
  const std::string path = server.folder.path() + "/growing.h5";
  SwmrWriter writer(path);
  auto principal = server.context.principals.of({Authentication::none, "anyone"});
  auto opened = server.opener->open(kj::atomicAddRef(*principal), "data/growing.h5", rpc::Access::READ)
                    .wait(server.io.waitScope);
  auto file = server.context.files.of(kj::mv(opened->file));
  auto before = file->current().wait(server.io.waitScope);
  CHECK(before->info().wait(server.io.waitScope)->isSwmr);
  CHECK(before->isFollowed());
  CHECK(server.planners->processCount() == 1);
  for (int round = 1; round <= 5; ++round) {
    writer.append(round);
    std::vector<kj::Promise<kj::Own<FileVersion>>> followers;
    for (int i = 0; i < 100; ++i) followers.push_back(file->current());
    std::vector<kj::Own<FileVersion>> versions;
    for (auto& follower : followers) versions.push_back(follower.wait(server.io.waitScope));
    for (auto& version : versions) CHECK(version.get() == versions[0].get());
    CHECK(versions[0].get() != before.get());
    CHECK(versions[0]->isFollowed());
    auto end = versions[0]->resolve("/values", FollowLast::yes).wait(server.io.waitScope);
    CHECK(std::get<NodePointer>(*end)->dataset->space.shape[0] == 200u + 10 * round);
    before = kj::mv(versions[0]);
  }
  CHECK(server.planners->processCount() == 1);  // it has been refreshed, and none was begun anew
}

TEST_CASE("a read of a file with a live SWMR writer may have a later version than asked for, and no other file") {
  TestServer server;
  TestClient client(server);
  const std::string path = server.folder.path() + "/growing.h5";
  auto writer = kj::heap<SwmrWriter>(path);
  auto dataset = client.dataset("values", "data/growing.h5");
  auto first = readRequest(dataset, lastCorner).send().wait(server.io.waitScope);
  CHECK(first.getShape()[0] == 200);
  writer->append(7);
  auto later = [&](kj::ArrayPtr<const kj::byte> version) {
    auto request = readRequest(dataset, lastCorner);
    request.getOptions().setIfVersion(version);
    return request.send();
  };
  auto grown = later(first.getVersion()).wait(server.io.waitScope);
  CHECK(grown.getShape()[0] == 210);
  CHECK(readOne(dataset, lastCorner, server) == 7);

  auto ofOther = readRequest(client.dataset("values", "data/changing.h5"), corner).send().wait(server.io.waitScope);
  CHECK(errorFrom(later(ofOther.getVersion()), server.io.waitScope).code == ErrorCode::changed);

  // Without its writer it is a file like any other: the version that was is not this one.
  writer = nullptr;
  server.io.provider->getTimer().afterDelay(50 * kj::MILLISECONDS).wait(server.io.waitScope);
  makeFiles("append " + path + " 8");
  CHECK(errorFrom(later(grown.getVersion()), server.io.waitScope).code == ErrorCode::changed);
  CHECK(readOne(dataset, lastCorner, server) == 8);
}

TEST_CASE("what is read while somebody may write is for its reader alone; once the file rests it is kept") {
  TestServer server;
  TestClient client(server);
  const std::string path = server.folder.path() + "/changing.h5";
  auto stabilityOf = [&] {
    auto reply = readRequest(client.dataset("values", "data/changing.h5"), corner).send().wait(server.io.waitScope);
    return wire::readStability(reply.getStability());
  };
  const auto chunks = [&] { return server.memory.used(SharedCache::Kind::elements); };
  {
    std::ofstream writer(path, std::ios::in | std::ios::out);
    CHECK(stabilityOf() == VersionStability::unsettled);
    CHECK(stabilityOf() == VersionStability::unsettled);
    CHECK(chunks() == 0);
  }
  server.io.provider->getTimer().afterDelay(50 * kj::MILLISECONDS).wait(server.io.waitScope);
  CHECK(stabilityOf() == VersionStability::settled);
  CHECK(client.file("data/changing.h5").statRequest().send().wait(server.io.waitScope).getInfo().getStability() ==
        rpc::VersionStability::SETTLED);
}

TEST_CASE("what was planned outlives the planner, the descriptor and everybody who had the file open") {
  ObjectLimits limits;
  limits.files.idleTime = std::chrono::seconds(1);
  TestServer server(limits);
  auto pass = [&](kj::Duration time) { server.io.provider->getTimer().afterDelay(time).wait(server.io.waitScope); };
  {
    TestClient client(server);
    CHECK(readOne(client.dataset("values", "data/changing.h5"), corner, server) == 0);
    CHECK(server.context.files.openCount() == 1);
    CHECK(server.planners->processCount() == 1);
  }
  pass(2500 * kj::MILLISECONDS);
  CHECK(server.context.files.openCount() == 0);
  CHECK(server.planners->processCount() == 0);
  TestClient client(server);
  CHECK(readOne(client.dataset("values", "data/changing.h5"), corner, server) == 0);
  CHECK(server.planners->processCount() == 0);

  // The control: another file has to be planned.
  CHECK(readOne(client.dataset("contiguous"), corner, server) == 0);
  CHECK(server.planners->processCount() == 1);
}

TEST_CASE("a handle that was idle reads on, and says when its path leads elsewhere by then") {
  ObjectLimits limits;
  limits.files.idleTime = std::chrono::seconds(1);
  TestServer server(limits);
  TestClient client(server);
  const std::string path = server.folder.path() + "/changing.h5";
  auto rest = [&] {
    server.io.provider->getTimer().afterDelay(2500 * kj::MILLISECONDS).wait(server.io.waitScope);
    CHECK(server.context.files.openCount() == 0);
  };
  auto file = client.file("data/changing.h5");
  auto dataset = client.dataset("values", "data/changing.h5");
  auto now = [&] { return file.pathNowRequest().send().wait(server.io.waitScope).getNow(); };
  CHECK(readOne(dataset, corner, server) == 0);
  CHECK(now() == rpc::File::PathNow::THIS_FILE);
  rest();
  CHECK(readOne(dataset, corner, server) == 0);

  makeFiles("rewrite " + path + ".new 5");
  std::filesystem::rename(path + ".new", path);
  CHECK(now() == rpc::File::PathNow::ANOTHER_FILE);
  CHECK(readOne(dataset, corner, server) == 0);  // what was opened
  rest();
  CHECK(errorFrom(readRequest(dataset, corner).send(), server.io.waitScope).code == ErrorCode::changed);
  CHECK(readOne(client.dataset("values", "data/changing.h5"), corner, server) == 5);

  std::filesystem::remove(path);
  CHECK(now() == rpc::File::PathNow::NOTHING);
  CHECK(errorFrom(readRequest(dataset, corner).send(), server.io.waitScope).code == ErrorCode::changed);
}

TEST_CASE("who has too many files open gets others to rest, and nobody else's") {
  ObjectLimits limits;
  limits.fileDescriptors = 6;
  TestServer server(limits);
  TestClient greedy(server), other(server);
  std::vector<rpc::Dataset::Client> kept;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "many" + std::to_string(i) + ".h5";
    std::filesystem::copy_file(server.folder.path() + "/changing.h5", server.folder.path() + "/" + name);
    kept.push_back(greedy.dataset("values", ("data/" + name).c_str()));
    CHECK(readOne(kept.back(), corner, server) == 0);
    CHECK(server.context.principals.stocks().descriptors.used() <= 3);
  }
  CHECK(readOne(other.dataset("values", "data/changing.h5"), corner, server) == 0);
  for (auto& dataset : kept) CHECK(readOne(dataset, corner, server) == 0);  // opened again by their paths
  CHECK(server.context.principals.stocks().descriptors.used() <= 4);
}

TEST_CASE("a file that is truncated under its reader is a problem of that file only") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("values", "data/changing.h5");
  CHECK(readOne(dataset, corner, server) == 0);
  std::filesystem::resize_file(server.folder.path() + "/changing.h5", 1000);
  auto error = errorFrom(readRequest(dataset, corner).send(), server.io.waitScope);
  CAPTURE(error.message);
  CHECK(error.code == ErrorCode::fileProblem);
  CHECK(readOne(client.dataset("contiguous"), corner, server) == 0);
}

TEST_CASE("killed planners cost no reader anything once") {
  TestServer server;
  TestClient client(server);
  for (int round = 0; round < 5; ++round) {
    // A new version each round: nothing is remembered, so planners are needed.
    makeFiles("rewrite " + server.folder.path() + "/changing.h5 " + std::to_string(round));
    auto dataset = client.dataset("values", "data/changing.h5");
    std::vector<kj::Promise<std::int32_t>> pending;
    for (int row = 0; row < 200; ++row)
      pending.push_back(
          readRequest(dataset, {std::int64_t{row}, std::int64_t{0}}).send().then([](auto reply) -> std::int32_t {
            std::int32_t value = -1;
            if (reply.isPacked()) std::memcpy(&value, reply.getPacked().begin(), sizeof value);
            return value;
          }));
    while (server.planners->processCount() == 0)
      server.io.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(server.io.waitScope);
    killPlanners();
    for (auto& promise : pending) CHECK(promise.wait(server.io.waitScope) == round);
  }
}

TEST_CASE("dropping a read frees its place within a second") {
  TestServer server;
  TestClient client(server);
  auto dataset = client.dataset("big");
  readRequest(dataset, {std::int64_t{0}}).send().wait(server.io.waitScope);
  {
    std::vector<kj::Promise<void>> pending;
    for (int i = 0; i < 100; ++i) pending.push_back(readRequest(dataset, {}).send().ignoreResult());
    server.io.provider->getTimer().afterDelay(2 * kj::MILLISECONDS).wait(server.io.waitScope);
  }
  auto& timer = server.io.provider->getTimer();
  const auto until = timer.now() + 1 * kj::SECONDS;
  while (server.context.runningCalls > 0 && timer.now() < until)
    timer.afterDelay(5 * kj::MILLISECONDS).wait(server.io.waitScope);
  CHECK(server.context.runningCalls == 0);
  server.io.waitScope.poll();
  CHECK(client.state->reads->used() == 0);
  CHECK(client.state->replyBytes->used() == 0);
  CHECK(server.context.replyBytes.used() == 0);
}
