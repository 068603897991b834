// Covers: questions to planners that crash, hang, lie, are killed, or whose zygote is; quarantine, withdrawal,
// eviction, and that none of it leaks descriptors.  Uses tests/support/fake-planner.cc.  Does not cover libhdf5.
#include "server/planner-pool/planner-pool.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/io.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/wire.h"
#include "h5cap/error.h"

using namespace h5cap;
using namespace std::chrono_literals;

namespace {

// A file with this content, in memory.
kj::AutoCloseFd fileWith(const std::string& content) {
  kj::AutoCloseFd file(memfd_create("fake.h5", MFD_CLOEXEC));
  REQUIRE(write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  return file;
}

unsigned openDescriptors() {
  unsigned count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

struct Fixture {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  Lanes lanes{{}};
  kj::Own<PlannerPool> pool;

  explicit Fixture(PlannerPoolOptions options = {}) {
    options.executable = FAKE_PLANNER;
    pool = makePlannerPool(*io.lowLevelProvider, io.provider->getTimer(), options);
  }

  // A planner for the file behind `file`, which is duplicated.
  kj::Own<Planner> planner(int file) {
    const Version state = stateOf(file).version();
    auto shared = kj::atomicRefcounted<SharedFile>(kj::AutoCloseFd(dup(file)), 0ns, lanes.of({}));
    return pool->planner(kj::mv(shared),
                         std::string(reinterpret_cast<const char*>(state.data()), state.size()));
  }

  kj::Promise<std::string> ask(Planner& planner, std::string order) {
    return planner.ask([order](rpc::PlannerRequest::Builder request) { request.initResolve().setPath(order); })
        .then([](kj::Own<PlannerAnswer> answer) {
          return std::string(answer->reply().getResolved().getMissing().cStr());
        });
  }

  std::string asked(Planner& planner, const std::string& order) { return ask(planner, order).wait(io.waitScope); }

  // The error that a promise ends with; "no error" in the message when it does not.
  template <class T>
  ErrorText errorOf(kj::Promise<T> promise) {
    try {
      promise.wait(io.waitScope);
    } catch (const kj::Exception& exception) {
      return parseError(exception.getDescription().cStr());
    }
    return {ErrorCode::failed, "no error"};
  }

  // Lets the event loop run until this many processes are left; the test fails if that takes seconds.
  void expectProcesses(unsigned count) {
    for (int i = 0; i < 500 && pool->processCount() != count; ++i) pass(10 * kj::MILLISECONDS);
    CHECK(pool->processCount() == count);
  }

  void pass(kj::Duration time) { io.provider->getTimer().afterDelay(time).wait(io.waitScope); }
};

PlannerPoolOptions quick() {
  PlannerPoolOptions options;
  options.questionTime = 200ms;
  return options;
}

}  // namespace

TEST_CASE("a program that cannot be run is refused at once") {
  auto io = kj::setupAsyncIo();
  PlannerPoolOptions options;
  options.executable = "/nonexistent/h5cap-planner";
  CHECK_THROWS_AS(makePlannerPool(*io.lowLevelProvider, io.provider->getTimer(), options), Failed);
}

TEST_CASE("a zygote that dies at once fails the questions, and the version") {
  setenv("FAKE_PLANNER_DIES", "1", 1);
  Fixture f;
  auto planner = f.planner(fileWith(""));
  CHECK(f.errorOf(f.ask(*planner, "a")).code == ErrorCode::failed);
  unsetenv("FAKE_PLANNER_DIES");
  CHECK(f.asked(*planner, "a") == "a");
  CHECK(f.pool->libraryVersion().wait(f.io.waitScope) == "1.10.8-fake");
}

TEST_CASE("questions are answered in turn by one process, started when the first is asked") {
  Fixture f;
  CHECK(f.pool->libraryVersion().wait(f.io.waitScope) == "1.10.8-fake");
  auto planner = f.planner(fileWith(""));
  CHECK(f.pool->processCount() == 0);
  auto first = f.ask(*planner, "one"), process = f.ask(*planner, "process"), again = f.ask(*planner, "process");
  CHECK(first.wait(f.io.waitScope) == "one");
  CHECK(process.wait(f.io.waitScope) == again.wait(f.io.waitScope));
  CHECK(f.pool->processCount() == 1);
  planner = nullptr;
  CHECK(f.pool->processCount() == 0);
}

TEST_CASE("`open` is answered, and reported errors are thrown with their code") {
  Fixture f;
  auto planner = f.planner(fileWith(""));
  auto ask = [&] { return planner->ask([](rpc::PlannerRequest::Builder request) { request.setOpen(); }); };
  auto rootId = ask().wait(f.io.waitScope)->reply().getOpened().getRootId();
  CHECK(std::to_string(rootId) == f.asked(*planner, "process"));
  CHECK(ask().wait(f.io.waitScope)->reply().getOpened().getRootId() == rootId);
  auto error = f.errorOf(f.ask(*planner, "error"));
  CHECK(error.code == ErrorCode::notFound);
  CHECK(error.message == "/x: no such object");
  CHECK(f.asked(*planner, "fine") == "fine");

  auto bad = f.planner(fileWith("error"));
  CHECK(f.errorOf(f.ask(*bad, "a")).code == ErrorCode::fileProblem);
  CHECK(f.errorOf(f.ask(*bad, "a")).message == "not an HDF5 file");
  CHECK(f.pool->processCount() == 1);
}

TEST_CASE("a question that kills twice fails, then is refused for a while; others notice nothing") {
  auto options = quick();
  options.quarantine = 1s;
  for (std::string order : {"crash", "exit", "garbage", "oversized", "wrong-kind", "hang"}) {
    CAPTURE(order);
    Fixture f(options);
    auto file = fileWith("");
    auto planner = f.planner(file);
    auto before = f.ask(*planner, "before");
    auto culprit = f.ask(*planner, order);
    auto after = f.ask(*planner, "after");
    CHECK(before.wait(f.io.waitScope) == "before");
    CHECK(after.wait(f.io.waitScope) == "after");
    auto expected = order == "hang" ? ErrorCode::deadline : ErrorCode::fileProblem;
    CHECK(f.errorOf(kj::mv(culprit)).code == expected);

    auto process = f.asked(*planner, "process");
    auto sibling = f.planner(file);  // the same file by another descriptor
    for (Planner* refusing : {planner.get(), sibling.get()}) {
      auto refused = f.errorOf(f.ask(*refusing, order));
      CHECK(refused.code == expected);
      CHECK(refused.message.find("refused") != std::string::npos);
    }
    CHECK(f.asked(*planner, "process") == process);
    f.pass(1100 * kj::MILLISECONDS);
    auto retried = f.errorOf(f.ask(*planner, order));
    CHECK(retried.message.find("refused") == std::string::npos);
    CHECK(f.asked(*planner, "alive") == "alive");
  }
}

TEST_CASE("a file that kills when it is opened fails every question of it, and of no other file") {
  for (std::string order : {"crash", "hang", "garbage"}) {
    CAPTURE(order);
    Fixture f(quick());
    auto bad = f.planner(fileWith(order)), good = f.planner(fileWith(""));
    auto first = f.ask(*bad, "a"), second = f.ask(*bad, "b"), other = f.ask(*good, "c");
    CHECK(other.wait(f.io.waitScope) == "c");
    auto expected = order == "hang" ? ErrorCode::deadline : ErrorCode::fileProblem;
    CHECK(f.errorOf(kj::mv(first)).code == expected);
    CHECK(f.errorOf(kj::mv(second)).message.find("refused") != std::string::npos);
  }
}

TEST_CASE("a question that used up its processor time was asked again") {
  auto options = quick();
  options.questionTime = 30s;
  options.processorTime = 300ms;
  Fixture f(options);
  auto now = [] { return std::chrono::steady_clock::now(); };

  // Opening spins: every question of the file fails, the second one at once.
  auto bad = f.planner(fileWith("spin")), good = f.planner(fileWith(""));
  auto start = now();
  auto error = f.errorOf(f.ask(*bad, "a"));
  CHECK(error.code == ErrorCode::fileProblem);
  CHECK(error.message == "libhdf5 did not finish within 0.3 s of processor time; the file may be damaged");
  CHECK(now() - start < 10s);
  start = now();
  CHECK(f.errorOf(f.ask(*bad, "b")).message.find("refused") != std::string::npos);
  CHECK(now() - start < 200ms);

  // So does one question of another file, and that one only.
  auto process = f.asked(*good, "process");
  auto culprit = f.ask(*good, "spin"), bystander = f.ask(*good, "fine");
  CHECK(f.errorOf(kj::mv(culprit)).code == ErrorCode::fileProblem);
  CHECK(bystander.wait(f.io.waitScope) == "fine");
  CHECK(f.errorOf(f.ask(*good, "spin")).message.find("refused") != std::string::npos);
}

TEST_CASE("waiting takes no processor time") {
  auto options = quick();
  options.questionTime = 700ms;
  options.processorTime = 100ms;
  Fixture f(options);
  auto planner = f.planner(fileWith(""));
  CHECK(f.errorOf(f.ask(*planner, "hang")).code == ErrorCode::deadline);
}

TEST_CASE("processor time of earlier questions does not count") {
  PlannerPoolOptions options;
  options.processorTime = 1s;
  Fixture f(options);
  auto planner = f.planner(fileWith(""));
  auto process = f.asked(*planner, "process");
  for (int i = 0; i < 4; ++i) CHECK(f.asked(*planner, "work") == "work");  // 0.4 s each
  CHECK(f.asked(*planner, "process") == process);
}

TEST_CASE("a planner that was killed from outside is replaced, and its question asked again") {
  Fixture f;
  std::string marker = "/tmp/h5cap-crash-once-" + std::to_string(getpid());
  unlink(marker.c_str());
  auto planner = f.planner(fileWith(""));
  std::string order = "crash-once:" + marker;
  CHECK(f.asked(*planner, order) == order);
  unlink(marker.c_str());

  for (bool idle : {true, false}) {
    auto process = f.asked(*planner, "process");
    kill(std::stoi(process), SIGKILL);
    if (idle) {
      f.expectProcesses(0);
    }
    CHECK(f.asked(*planner, "process") != process);
  }
}

TEST_CASE("questions survive the zygote's death") {
  Fixture f;
  auto planner = f.planner(fileWith("")), other = f.planner(fileWith(""));
  for (bool idle : {true, false}) {
    auto zygote = f.asked(*planner, "zygote");
    CHECK(f.asked(*other, "zygote") == zygote);
    kill(std::stoi(zygote), SIGKILL);
    if (idle) {
      f.expectProcesses(0);
    }
    auto here = f.ask(*planner, "here"), there = f.ask(*other, "there");
    CHECK(here.wait(f.io.waitScope) == "here");
    CHECK(there.wait(f.io.waitScope) == "there");
    f.pass(100 * kj::MILLISECONDS);  // by now the orphans are gone as well
    CHECK(f.asked(*planner, "zygote") != zygote);
  }
}

TEST_CASE("dropping a promise withdraws the question, waiting or in work") {
  auto options = quick();
  options.questionTime = 60s;
  Fixture f(options);
  auto planner = f.planner(fileWith(""));
  std::string marker = "/tmp/h5cap-withdrawn-" + std::to_string(getpid());
  {
    auto first = f.ask(*planner, "a");
    { auto dropped = f.ask(*planner, "crash-once:" + marker); }
    CHECK(first.wait(f.io.waitScope) == "a");
  }
  CHECK(f.asked(*planner, "b") == "b");
  CHECK(access(marker.c_str(), F_OK) != 0);
  {
    auto hanging = f.ask(*planner, "hang");
    f.pass(50 * kj::MILLISECONDS);
  }
  CHECK(f.asked(*planner, "c") == "c");  // long before the hanging one's time is up
}

TEST_CASE("the process idle longest makes room, and planners share too few processes fairly") {
  PlannerPoolOptions options;
  options.maxProcesses = 2;
  Fixture f(options);
  auto a = f.planner(fileWith("")), b = f.planner(fileWith("")), c = f.planner(fileWith(""));
  auto processA = f.asked(*a, "process"), processB = f.asked(*b, "process");
  CHECK(f.asked(*a, "process") == processA);
  f.asked(*c, "x");
  CHECK(f.pool->processCount() == 2);
  CHECK(f.asked(*a, "process") == processA);
  CHECK(f.asked(*b, "process") != processB);

  std::vector<kj::Own<Planner>> many;
  std::vector<kj::Promise<std::string>> answers;
  for (int i = 0; i < 20; ++i) {
    many.push_back(f.planner(fileWith("")));
    for (int k = 0; k < 3; ++k) answers.push_back(f.ask(*many.back(), std::to_string(i)));
  }
  for (int i = 0; i < 60; ++i) {
    CHECK(answers[i].wait(f.io.waitScope) == std::to_string(i / 3));
    CHECK(f.pool->processCount() <= 2);
  }
}

TEST_CASE("an idle process is ended") {
  PlannerPoolOptions options;
  options.idleTime = 1s;
  Fixture f(options);
  auto planner = f.planner(fileWith(""));
  f.asked(*planner, "x");
  CHECK(f.pool->processCount() == 1);
  f.expectProcesses(0);
  CHECK(f.asked(*planner, "y") == "y");
}

TEST_CASE("two hundred crashes leak no descriptor") {
  Fixture f;
  auto planner = f.planner(fileWith(""));
  auto crash = [&](int i) {
    // Distinct questions, since a repeated one is refused without a crash.
    auto error = f.errorOf(planner->ask([i](rpc::PlannerRequest::Builder request) { request.setDescribe(i); }));
    CHECK(error.code == ErrorCode::fileProblem);
  };
  crash(0);
  unsigned before = openDescriptors();
  for (int i = 1; i <= 100; ++i) crash(i);  // two crashes each
  CHECK(openDescriptors() == before);
  CHECK(f.pool->processCount() == 0);
  auto leak = fileWith("");  // negative control
  CHECK(openDescriptors() == before + 1);
}
