// Covers the budget that all connections share: turns between principals, giving up, amounts above the capacity,
// threads.
#include <doctest/doctest.h>
#include <kj/async-io.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/base/fair-quota.h"

using namespace h5cap;

namespace {

constexpr PrincipalId greedy{1}, modest{2}, third{3};

}  // namespace

TEST_CASE("principals take turns, and each keeps its order") {
  auto io = kj::setupAsyncIo();
  FairQuota quota(10);
  auto held = quota.take(greedy, 10).wait(io.waitScope);
  std::string order;
  std::vector<kj::Promise<void>> all;
  auto ask = [&](PrincipalId who, char letter) {
    auto taken = quota.take(who, 10).then([&order, letter](kj::Own<FairQuota::Lease>) { order += letter; });
    all.push_back(taken.eagerlyEvaluate(nullptr));
  };
  for (char letter : {'a', 'b', 'c'}) ask(greedy, letter);
  for (char letter : {'x', 'y'}) ask(modest, letter);
  ask(third, '-');
  io.waitScope.poll();
  CHECK(order.empty());
  held = nullptr;
  for (auto& one : all) one.wait(io.waitScope);
  CHECK(order == "ax-byc");
  CHECK(quota.used() == 0);
}

TEST_CASE("what fits is given at once, unless others wait") {
  auto io = kj::setupAsyncIo();
  FairQuota quota(10);
  auto first = quota.tryTake(greedy, 6);
  CHECK(first != nullptr);
  CHECK(quota.tryTake(greedy, 6) == nullptr);
  auto waiting = quota.take(greedy, 6);
  CHECK(!waiting.poll(io.waitScope));
  CHECK(quota.tryTake(modest, 1) == nullptr);  // it would fit, and has to wait its turn
  SUBCASE("until there is room") {
    first = nullptr;
    CHECK(waiting.poll(io.waitScope));
    CHECK(quota.used() == 6);
  }
  SUBCASE("one that gives up lets the others pass") {
    auto next = quota.take(modest, 1);
    CHECK(!next.poll(io.waitScope));
    waiting = nullptr;
    first = nullptr;
    CHECK(next.poll(io.waitScope));
    CHECK(quota.used() == 1);
  }
  SUBCASE("a grant that nobody takes any more comes back") {
    first = nullptr;
    waiting = nullptr;
    CHECK(quota.used() == 0);
  }
}

TEST_CASE("more than the capacity is granted when nothing else is in use") {
  auto io = kj::setupAsyncIo();
  FairQuota quota(10);
  auto little = quota.tryTake(modest, 1);
  auto large = quota.take(greedy, 100);
  CHECK(!large.poll(io.waitScope));
  little = nullptr;
  CHECK(large.poll(io.waitScope));
}

TEST_CASE("whoever asks and gives up, over and over, leaves nothing behind") {
  auto io = kj::setupAsyncIo();
  FairQuota quota(10);
  auto held = quota.tryTake(modest, 10);
  for (int i = 0; i < 10'000; ++i) quota.take(greedy, 5);
  auto last = quota.take(modest, 5);
  held = nullptr;
  CHECK(last.poll(io.waitScope));
  CHECK(quota.used() == 5);
}

TEST_CASE("loops of several threads share it") {
  FairQuota quota(3);
  std::atomic<int> inUse = 0, most = 0, done = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t number = 0; number < 4; ++number)
    threads.emplace_back([&, number] {
      auto io = kj::setupAsyncIo();
      for (int i = 0; i < 500; ++i) {
        auto lease = quota.take(PrincipalId{number}, 1).wait(io.waitScope);
        const int now = ++inUse;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {}
        --inUse;
        ++done;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(done == 2000);
  CHECK(most <= 3);
  CHECK(quota.used() == 0);
}

TEST_CASE("however much is held and waited for, whoever wants little is served") {
  auto io = kj::setupAsyncIo();
  const std::uint64_t capacity = 1 << 20;
  FairQuota quota(capacity);
  std::vector<kj::Promise<kj::Own<FairQuota::Lease>>> held;
  for (std::uint64_t number = 100; number < 400; ++number) {
    for (int i = 0; i < 8; ++i) held.push_back(quota.take(PrincipalId{number}, 32 << 10));
    for (int i = 0; i < 8; ++i) held.push_back(quota.take(PrincipalId{number}, 100));
  }
  CHECK(quota.isScarce());
  CHECK(quota.tryTake(modest, 8) != nullptr);
  CHECK(quota.take(third, 8).poll(io.waitScope));
  CHECK(quota.used() <= capacity);
  CHECK(quota.tryTake(modest, 32 << 10) == nullptr);  // negative control
  held.clear();
  CHECK(quota.tryTake(modest, 32 << 10) != nullptr);
  CHECK(quota.used() == 0);
}
