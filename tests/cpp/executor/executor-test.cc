// Covers: where work runs, fairness between owners, withdrawal, exceptions and shutdown of the executor; single flight
// and bounds of the chunk cache.
#include "server/executor/executor.h"

#include <doctest/doctest.h>
#include <kj/async-io.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "h5cap/error.h"
#include "server/executor/chunk-cache.h"

using namespace h5cap;

namespace {

constexpr WorkOwner ONE{PrincipalId{1}}, OTHER{PrincipalId{9}};

// Holds threads until it is opened.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    isOpen_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return isOpen_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool isOpen_ = false;
};

std::string text(kj::Exception& exception) { return exception.getDescription().cStr(); }

}  // namespace

TEST_CASE("work runs on another thread and its result or exception arrives here") {
  auto io = kj::setupAsyncIo();
  Lanes lanes({.threads = 2});
  Executor executor(lanes);
  auto here = std::this_thread::get_id();
  CHECK(executor.run<bool>(ONE, [here] { return std::this_thread::get_id() != here; }).wait(io.waitScope));
  auto moved = executor.run<std::unique_ptr<int>>(ONE, [] { return std::make_unique<int>(42); }).wait(io.waitScope);
  CHECK(*moved == 42);
  bool ran = false;
  executor.run<void>(ONE, [&ran] { ran = true; }).wait(io.waitScope);
  CHECK(ran);
  try {
    executor.run<int>(ONE, []() -> int { throw NotFound("/x"); }).wait(io.waitScope);
    FAIL("no exception");
  } catch (kj::Exception& exception) {
    CHECK(text(exception) == "[notFound] /x");
  }
  try {
    executor.run<void>(ONE, [] { throw std::runtime_error("odd"); }).wait(io.waitScope);
    FAIL("no exception");
  } catch (kj::Exception& exception) {
    CHECK(text(exception) == "[failed] odd");
  }
}

TEST_CASE("owners take turns, and work of one owner keeps its order") {
  auto io = kj::setupAsyncIo();
  Lanes lanes({.threads = 1});
  Executor executor(lanes);
  Gate gate;
  auto blocker = executor.run<void>(OTHER, [&] { gate.pass(); });
  std::string order;
  std::vector<kj::Promise<void>> all;
  auto add = [&](std::uint64_t number, char letter, std::uint64_t connection = 0) {
    all.push_back(
        executor.run<void>(WorkOwner{PrincipalId{number}, connection}, [&order, letter] { order += letter; }));
  };
  for (int i = 0; i < 4; ++i) add(1, 'a' + i);
  add(2, 'x');
  add(2, 'y');
  add(3, '-');
  SUBCASE("one connection each") {
    gate.open();
    for (auto& one : all) one.wait(io.waitScope);
    CHECK(order == "ax-bycd");
  }
  SUBCASE("connections of one take turns within its own") {
    for (int i = 0; i < 3; ++i) add(1, 'A' + i, 7);
    gate.open();
    for (auto& one : all) one.wait(io.waitScope);
    CHECK(order == "ax-AybBcCd");
  }
}

TEST_CASE("a dropped promise withdraws work that has not started, and lets go of work that has") {
  auto io = kj::setupAsyncIo();
  std::atomic<int> ran = 0;
  auto owned = std::make_shared<int>(1);
  {
    Lanes lanes({.threads = 1});
    Executor executor(lanes);
    Gate gate, started;
    auto running = executor.run<int>(ONE, [&, owned] {
      started.open();
      gate.pass();
      return ++ran;
    });
    started.pass();
    auto queued = executor.run<int>(ONE, [&, owned] { return ++ran; });
    auto kept = executor.run<int>(ONE, [&] { return ++ran; });
    CHECK(owned.use_count() == 3);
    queued = nullptr;
    CHECK(owned.use_count() == 2);
    running = nullptr;
    gate.open();
    CHECK(kept.wait(io.waitScope) == 2);
    CHECK(owned.use_count() == 1);
  }
  CHECK(ran == 2);
}

TEST_CASE("work that asks whether it is wanted ends when its promise is dropped, and only then") {
  auto io = kj::setupAsyncIo();
  checkWanted();  // not an executor thread
  Lanes lanes({.threads = 1});
  Executor executor(lanes);
  Gate started;
  std::atomic<bool> hasEnded = false;
  auto unwanted = executor.run<void>(ONE, [&] {
    started.open();
    KJ_DEFER(hasEnded = true);
    for (;;) checkWanted();
  });
  started.pass();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(hasEnded);
  unwanted = nullptr;
  CHECK(executor.run<bool>(ONE, [&] {  // on the same thread, which is free again
                  checkWanted();
                  return hasEnded.load();
                }).wait(io.waitScope));
}

TEST_CASE("an executor that ends drops what is queued") {
  auto io = kj::setupAsyncIo();
  std::atomic<int> ran = 0;
  kj::Promise<void> dropped = nullptr;
  {
    Gate started, gate;
    Lanes lanes({.threads = 1});
    auto executor = kj::heap<Executor>(lanes);
    auto first = executor->run<void>(ONE, [&] {
      started.open();
      gate.pass();
      ++ran;
    });
    auto second = executor->run<void>(ONE, [&] { ++ran; });
    started.pass();
    std::thread ending([&] { executor = nullptr; });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    gate.open();
    ending.join();
    CHECK(ran == 1);
    first.wait(io.waitScope);
    CHECK_THROWS(second.wait(io.waitScope));
  }
}

TEST_CASE("a chunk is decoded once however many threads want it, and an error is not remembered") {
  const SharedCache memory(1 << 20);
  ChunkCache cache(memory);
  std::atomic<int> decoded = 0;
  auto slow = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (++decoded == 1) throw FileError("corrupt");
    return std::make_shared<const Bytes>(1000, std::byte{7});
  };
  for (int round = 0; round < 2; ++round) {
    std::atomic<int> failures = 0, successes = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        try {
          successes += cache.get({"v", 64}, slow)->size() == 1000;
        } catch (const FileError&) {
          ++failures;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(decoded == round + 1);
    CHECK(failures == (round == 0 ? 8 : 0));
    CHECK(successes == (round == 0 ? 0 : 8));
  }
  CHECK(cache.get({"other version", 64}, slow)->size() == 1000);
  CHECK(decoded == 3);  // negative control: another key is decoded
}

TEST_CASE("the cache keeps what was used last, within its bound") {
  const SharedCache memory(10'000);
  ChunkCache cache(memory);
  int decoded = 0;
  auto get = [&](std::uint64_t address, std::size_t size) {
    int before = decoded;
    auto bytes = cache.get({"v", address}, [&] { return ++decoded, std::make_shared<const Bytes>(size); });
    CHECK(bytes->size() == size);
    CHECK(memory.used() <= 10'000);
    return decoded > before;
  };
  for (std::uint64_t i = 0; i < 3; ++i) CHECK(get(i, 3000));
  CHECK(!get(0, 3000));
  CHECK(get(3, 3000));  // pushes 1 out
  CHECK(!get(0, 3000));
  CHECK(get(1, 3000));
  CHECK(get(100, 20'000));  // larger than the cache: not kept, and pushes nothing out
  CHECK(get(100, 20'000));
  CHECK(!get(1, 3000));
}
