// Covers: that a lane whose threads are stuck stops nothing but itself, what becomes of its work, how many threads
// there are and when they end; fairness within a lane.  Does not cover which lane is chosen for what (access-test.cc),
// nor real file systems that hang (tests/faults/test_lanes.py).
#include "server/base/lane.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/wire.h"
#include "server/base/shared-file.h"

using namespace h5cap;
using namespace std::chrono_literals;

namespace {

constexpr WorkOwner ONE{PrincipalId{1}}, OTHER{PrincipalId{2}};

// What hangs: reads of it do not return until it is let go.
class Hung {
 public:
  Hung() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    out_ = kj::AutoCloseFd(ends[0]);
    in_ = kj::AutoCloseFd(ends[1]);
  }
  void read() const {
    char byte;
    ++readers;
    CHECK(::read(out_, &byte, 1) == 0);
    --readers;
  }
  void letGo() { in_ = nullptr; }

  mutable std::atomic<unsigned> readers = 0;

 private:
  kj::AutoCloseFd out_, in_;
};

struct Fixture {
  explicit Fixture(LaneOptions options = {.threads = 2}) : lanes(kj::heap<Lanes>(options)) {}
  ~Fixture() {
    hung->letGo();
    lanes->finish(10s);
    CHECK(hung->readers == 0);
  }

  Lane lane(std::uint64_t device, LaneUse use = LaneUse::reading) { return lanes->of({use, "raw", device, ""}); }

  kj::Promise<int> stuck(const Lane& lane, WorkOwner owner = ONE) {
    return lane.run<int>(owner, [hung = hung] {
      hung->read();
      return 1;
    });
  }

  template <class Holds>
  bool eventually(Holds holds, std::chrono::milliseconds within = 10s) {
    const auto until = std::chrono::steady_clock::now() + within;
    while (!holds() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    return holds();
  }

  kj::AsyncIoContext io = kj::setupAsyncIo();
  std::shared_ptr<Hung> hung = std::make_shared<Hung>();
  kj::Own<Lanes> lanes;
};

ErrorText errorOf(kj::Promise<int> promise, kj::WaitScope& scope) {
  try {
    promise.wait(scope);
  } catch (const kj::Exception& exception) {
    return parseError(exception.getDescription().cStr());
  }
  return {ErrorCode::failed, "no error"};
}

}  // namespace

TEST_CASE("a lane that is stuck stops itself, and no other") {
  Fixture f;
  const Lane hung = f.lane(1), good = f.lane(2);
  auto first = f.stuck(hung), second = f.stuck(hung);
  REQUIRE(f.eventually([&] { return f.hung->readers == 2; }));
  auto behind = hung.run<int>(OTHER, [] { return 3; });
  for (int i = 0; i < 100; ++i) CHECK(good.run<int>(ONE, [i] { return i; }).wait(f.io.waitScope) == i);
  CHECK(f.lanes->of({LaneUse::reading, "other", 1, ""}).run<int>(ONE, [] { return 2; }).wait(f.io.waitScope) == 2);
  CHECK_FALSE(behind.poll(f.io.waitScope));  // negative control: it is stuck
  CHECK(hung.threadCount() == 2);
  f.hung->letGo();
  CHECK(behind.wait(f.io.waitScope) == 3);
  CHECK(first.wait(f.io.waitScope) + second.wait(f.io.waitScope) == 2);
}

TEST_CASE("work in a stuck thread is let go of at once, and what waits behind it is withdrawn") {
  Fixture f({.threads = 1});
  auto owned = std::make_shared<int>(0);
  auto running = f.lane(1).run<int>(ONE, [hung = f.hung, owned] { return hung->read(), 1; });
  REQUIRE(f.eventually([&] { return f.hung->readers == 1; }));
  auto queued = f.lane(1).run<int>(ONE, [owned] { return ++*owned; });
  CHECK(owned.use_count() == 3);
  const auto before = std::chrono::steady_clock::now();
  running = nullptr;
  queued = nullptr;
  CHECK(std::chrono::steady_clock::now() - before < 500ms);
  CHECK(owned.use_count() == 2);  // the thread's own
  CHECK(f.hung->readers == 1);
}

TEST_CASE("lanes with stuck threads end, and drop what is queued") {
  Fixture f;
  auto first = f.stuck(f.lane(1)), second = f.stuck(f.lane(1));
  REQUIRE(f.eventually([&] { return f.hung->readers == 2; }));
  auto queued = f.lane(1).run<int>(ONE, [] { return 1; });
  CHECK(f.lane(2).run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
  const auto before = std::chrono::steady_clock::now();
  CHECK(f.lanes->finish(50ms) == 2);
  CHECK(std::chrono::steady_clock::now() - before < 1s);
  CHECK_THROWS(queued.wait(f.io.waitScope));
  CHECK_THROWS(f.lane(3).run<int>(ONE, [] { return 1; }).wait(f.io.waitScope));  // they have ended
  first = nullptr;
  second = nullptr;
}

TEST_CASE("what is under way may end while the lanes do") {
  Fixture f;
  auto slow = f.stuck(f.lane(1));
  REQUIRE(f.eventually([&] { return f.hung->readers == 1; }));
  std::thread later([&] {
    std::this_thread::sleep_for(50ms);
    f.hung->letGo();
  });
  CHECK(f.lanes->finish(10s) == 0);
  later.join();
  CHECK(slow.wait(f.io.waitScope) == 1);
}

TEST_CASE("principals take turns in a lane, and so do their connections") {
  Fixture f({.threads = 1});
  auto blocker = f.stuck(f.lane(1), OTHER);
  REQUIRE(f.eventually([&] { return f.hung->readers == 1; }));
  std::string order;
  std::vector<kj::Promise<void>> all;
  auto add = [&](std::uint64_t principal, std::uint64_t connection, char letter) {
    const WorkOwner owner{PrincipalId{principal}, connection};
    all.push_back(f.lane(1).run<void>(owner, [&order, letter] { order += letter; }));
  };
  for (char letter : {'a', 'b', 'c', 'd'}) add(1, 0, letter);
  for (char letter : {'A', 'B'}) add(1, 7, letter);
  for (char letter : {'x', 'y'}) add(2, 0, letter);
  f.hung->letGo();
  for (auto& one : all) one.wait(f.io.waitScope);
  CHECK(order == "axAybBcd");
}

TEST_CASE("threads are made on demand, at most as many as the lane may have, and end when they are idle") {
  Fixture f({.threads = 3, .idleTime = 50ms});
  CHECK(f.lanes->threadCount() == 0);
  CHECK(f.lane(1).run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
  CHECK(f.lanes->threadCount() == 1);
  std::vector<kj::Promise<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(f.stuck(f.lane(2)));
  REQUIRE(f.eventually([&] { return f.hung->readers == 3; }));
  std::this_thread::sleep_for(20ms);
  CHECK(f.lane(2).threadCount() == 3);
  f.hung->letGo();
  for (auto& one : all) CHECK(one.wait(f.io.waitScope) == 1);
  CHECK(f.eventually([&] { return f.lanes->threadCount() == 0; }));
  CHECK(f.lane(2).run<int>(ONE, [] { return 2; }).wait(f.io.waitScope) == 2);  // and there are new ones
}

TEST_CASE("small work passes by what takes long, and does not keep it for ever") {
  Fixture f({.threads = 2});
  const Lane lane = f.lane(1);
  std::vector<kj::Promise<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(f.stuck(lane));
  REQUIRE(f.eventually([&] { return f.hung->readers == 2; }));
  for (int i = 0; i < 20; ++i)
    CHECK(lane.run<int>(OTHER, [i] { return i; }, WorkSize::small).wait(f.io.waitScope) == i);
  CHECK_FALSE(lane.run<int>(OTHER, [] { return 1; }).poll(f.io.waitScope));  // negative control
  CHECK(f.hung->readers == 2);
  CHECK(lane.threadCount() == 3);
  f.hung->letGo();
  for (int i = 0; i < 100; ++i) all.push_back(lane.run<int>(OTHER, [] { return 1; }, WorkSize::small));
  for (auto& one : all) CHECK(one.wait(f.io.waitScope) == 1);
}

TEST_CASE("lanes that nobody uses go") {
  Fixture f({.threads = 1, .idleTime = 10ms});
  const Lane kept = f.lane(1'000'000);
  for (std::uint64_t device = 0; device < 1'000; ++device) f.lane(device);
  CHECK(f.lanes->count() == 1);
  CHECK(kept == f.lane(1'000'000));
  CHECK(f.lane(5).run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
  CHECK(f.eventually([&] { return f.lanes->count() == 1; }));
}

TEST_CASE("a lane that opens gives threads up that do not come back, up to a bound") {
  Fixture f({.openingThreads = 2, .openingTime = 100ms, .givenUpThreads = 2});
  const Lane opening = f.lane(1, LaneUse::opening);
  std::vector<kj::Promise<int>> all;
  for (int i = 0; i < 2; ++i) all.push_back(f.stuck(opening));
  REQUIRE(f.eventually([&] { return f.hung->readers == 2; }));
  const auto before = std::chrono::steady_clock::now();
  CHECK(opening.run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
  CHECK(std::chrono::steady_clock::now() - before > 50ms);  // not at once: they may be slow, not stuck
  CHECK(opening.run<int>(ONE, [] { return 2; }).wait(f.io.waitScope) == 2);
  for (int i = 0; i < 2; ++i) all.push_back(f.stuck(opening));
  REQUIRE(f.eventually([&] { return f.hung->readers == 4; }));
  CHECK(errorOf(opening.run<int>(ONE, [] { return 1; }), f.io.waitScope).code == ErrorCode::busy);
  CHECK(opening.threadCount() == 4);
  f.hung->letGo();
  for (auto& one : all) CHECK(one.wait(f.io.waitScope) == 1);
  CHECK(opening.run<int>(ONE, [] { return 3; }).wait(f.io.waitScope) == 3);
}

TEST_CASE("work that may hang in either of two lanes has one of its own") {
  Fixture f;
  const Lane a = f.lane(1), b = f.lane(2), c = f.lane(3), both = a.with(b);
  CHECK(a.with(a) == a);
  CHECK(both == b.with(a));
  CHECK(both.with(a) == both);
  CHECK(both.with(c) == c.with(a).with(b));
  CHECK_FALSE(both == a);
  auto first = f.stuck(both), second = f.stuck(both);
  REQUIRE(f.eventually([&] { return f.hung->readers == 2; }));
  CHECK(a.run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
  CHECK(b.run<int>(ONE, [] { return 1; }).wait(f.io.waitScope) == 1);
}

TEST_CASE("files are closed in their lane, unless their file system answers at once") {
  char name[] = "/dev/shm/h5cap-lane-XXXXXX";
  kj::AutoCloseFd made(mkstemp(name));
  unlink(name);
  const auto isOpen = [](int file) { return fcntl(file, F_GETFD) != -1; };
  for (auto rule : {LaneRule::byType, LaneRule::always}) {
    Fixture f({.rule = rule, .threads = 1});
    auto shared = kj::atomicRefcounted<SharedFile>(kj::AutoCloseFd(dup(made)), 0ns, f.lane(1));
    const int file = shared->get();
    CHECK(shared->answersAtOnce() == (rule == LaneRule::byType));
    auto stuck = f.stuck(f.lane(1));
    REQUIRE(f.eventually([&] { return f.hung->readers == 1; }));
    shared = nullptr;
    CHECK(isOpen(file) == (rule == LaneRule::always));
    f.hung->letGo();
    CHECK(f.eventually([&] { return !isOpen(file); }));
  }
}
