// Covers what principals share: nobody takes it all, whoever comes next finds something, and everything comes back.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include "h5cap/error.h"
#include "server/base/descriptor-plan.h"
#include "server/base/principal.h"

using namespace h5cap;

TEST_CASE("a share holds no more than it leaves for all others") {
  const Stock stock("open files", 100);
  const Share greedy(stock);
  std::vector<StockLease> leases;
  while (auto lease = greedy.tryTake(1)) leases.push_back(std::move(*lease));
  CHECK(leases.size() == 47);  // half of all but the reserve
  CHECK_THROWS_WITH_AS(greedy.take(1), "too many open files: 47 are yours; drop some, or try again later", Busy);

  const Share polite(stock);
  CHECK(polite.tryTake(1));
  CHECK(polite.used() == 0);  // given back at once
  leases.pop_back();
  CHECK(stock.used() == 46);
  CHECK(greedy.tryTake(1));
}

TEST_CASE("however many are greedy, the next one finds something") {
  const Stock stock("bytes", 10'000);
  std::deque<Share> shares;
  std::vector<StockLease> leases;
  for (int n = 0; n < 22; ++n) {  // a dozen halve it, as many find the reserve
    const Share& share = shares.emplace_back(stock);
    while (auto lease = share.tryTake(1)) leases.push_back(std::move(*lease));
    CAPTURE(n);
    CHECK(share.used() >= 10'000 / 256);
    CHECK(stock.used() < 10'000);
  }
  leases.clear();
  CHECK(stock.used() == 0);
}

TEST_CASE("what cannot be refused is counted, and then nothing more is begun") {
  const Stock stock("bytes of answers", 1000);
  const Share greedy(stock), other(stock);
  CHECK_NOTHROW(greedy.requireRoom());
  {
    auto much = greedy.takeAnyway(5000);
    CHECK(stock.used() == 5000);
    CHECK_THROWS_WITH_AS(greedy.requireRoom(),
                         "too many bytes of answers: 5000 are yours; drop some, or try again later", Busy);
    CHECK_FALSE(other.tryTake(1));
    CHECK_NOTHROW(other.requireRoom());  // who holds nothing goes on
  }
  CHECK(stock.used() == 0);
  CHECK_NOTHROW(greedy.requireRoom());
}

TEST_CASE("a lease outlives stock and share, and moves") {
  StockLease lease;
  {
    const Stock stock("bytes", 10);
    const Share share(stock);
    lease = share.take(3);
    StockLease other = std::move(lease);
    CHECK(share.used() == 3);
    lease = std::move(other);
    CHECK(lease.amount() == 3);
  }
}

TEST_CASE("threads take and give back") {
  const Stock stock("bytes", 1000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const Share share(stock);
      for (int n = 0; n < 20'000; ++n) share.tryTake(n % 100);
    });
  for (auto& thread : threads) thread.join();
  CHECK(stock.used() == 0);
}

TEST_CASE("connections of one user are one principal, those of nobody in particular are each their own") {
  const Principals principals({Stock("open files", 10), Stock("bytes", 10), Stock("bytes", 10)});
  const Identity alice{Authentication::unixPeer, "alice", 1000}, bob{Authentication::unixPeer, "bob", 1001};
  auto first = principals.of(alice);
  auto second = principals.of(alice);
  CHECK(first->id() == second->id());
  CHECK(principals.of(bob)->id() != first->id());
  const auto id = first->id();
  first = nullptr;
  CHECK(principals.of(alice)->id() == id);  // the second is still there
  auto anyone = principals.of({Authentication::none, "anyone"});
  CHECK(anyone->id() != principals.of({Authentication::none, "anyone"})->id());
}

TEST_CASE("descriptors are planned for, however few there are") {
  for (std::uint64_t limit : {64ull, 256ull, 1024ull, 1ull << 20, ~0ull}) {
    CAPTURE(limit);
    const DescriptorPlan plan = descriptorPlan(limit);
    CHECK(plan.files >= 8);
    CHECK(plan.planners >= 2);
    CHECK(plan.connections + plan.files + 2 * plan.planners < limit);
    if (limit >= 256) CHECK(plan.connections >= std::min<std::uint64_t>(limit, 1 << 30) / 8);
  }
}
