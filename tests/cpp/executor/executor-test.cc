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
  void close() {
    std::lock_guard lock(mutex_);
    isOpen_ = false;
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
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // it has begun, on a busy machine, too
    gate.open();
    ending.join();
    CHECK(ran == 1);
    first.wait(io.waitScope);
    CHECK_THROWS(second.wait(io.waitScope));
  }
}

namespace {

using Decode = std::function<std::shared_ptr<const Bytes>()>;

// What a reader does: comes back once others have decoded the chunk.  Zero when that failed.
kj::Promise<std::size_t> sizeOf(Executor& executor, ChunkCache& cache, ChunkKey key, Decode decode,
                                std::shared_ptr<ChunkCache::Waiting> waiting) {
  auto get = [&cache, key, decode, waiting]() -> std::shared_ptr<const Bytes> {
    waiting->begin();
    return cache.get(key, decode, *waiting);
  };
  return executor.run<std::shared_ptr<const Bytes>>(WorkOwner{}, kj::mv(get))
      .then(
          [=, &executor, &cache](std::shared_ptr<const Bytes> bytes) -> kj::Promise<std::size_t> {
            CHECK((bytes == nullptr) == waiting->isMissing());
            if (bytes != nullptr) return bytes->size();
            return waiting->whenDone().then(
                [=, &executor, &cache] { return sizeOf(executor, cache, key, decode, waiting); });
          },
          [](kj::Exception&&) -> kj::Promise<std::size_t> { return std::size_t{0}; });
}

}  // namespace

TEST_CASE("a chunk is decoded once however many readers want it, and an error is not remembered") {
  auto io = kj::setupAsyncIo();
  for (std::size_t size : {1000, 100'000}) {  // the second one is too large to be kept
    CAPTURE(size);
    const SharedCache memory(10'000);
    ChunkCache cache(memory);
    Lanes lanes(LaneOptions{.threads = 2});
    Executor executor(lanes);
    std::atomic<int> decoded = 0;
    Gate gate;
    Decode slow = [&] {
      gate.pass();
      if (++decoded == 1) throw FileError("corrupt");
      return std::make_shared<const Bytes>(size, std::byte{7});
    };
    for (int round = 0; round < 2; ++round) {
      gate.close();
      std::vector<kj::Promise<std::size_t>> readers;
      for (int i = 0; i < 8; ++i)
        readers.push_back(sizeOf(executor, cache, {"v", 64}, slow, std::make_shared<ChunkCache::Waiting>())
                              .eagerlyEvaluate(nullptr));
      // One thread decodes, and nobody else needs one: the other is free for others' work.
      io.provider->getTimer().afterDelay(20 * kj::MILLISECONDS).wait(io.waitScope);
      CHECK(executor.run<int>(WorkOwner{}, [] { return 5; }).wait(io.waitScope) == 5);
      CHECK(decoded == round);
      gate.open();
      for (auto& reader : readers) CHECK(reader.wait(io.waitScope) == (round == 0 ? 0 : size));
      CHECK(decoded == round + 1);
    }
    auto other = std::make_shared<ChunkCache::Waiting>();
    CHECK(sizeOf(executor, cache, {"other version", 64}, slow, other).wait(io.waitScope) == size);
    CHECK(decoded == 3);  // negative control: another key is decoded
  }
}

TEST_CASE("the cache keeps what was used last, within its bound") {
  const SharedCache memory(10'000);
  ChunkCache cache(memory);
  int decoded = 0;
  auto get = [&](std::uint64_t address, std::size_t size) {
    int before = decoded;
    ChunkCache::Waiting waiting;
    auto bytes = cache.get({"v", address}, [&] { return ++decoded, std::make_shared<const Bytes>(size); }, waiting);
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
