// Covers the order of work against a plain model of it, which has no way of its own for a single piece: random
// sequences of adding, taking and removing.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "server/base/fair-queue.h"

using namespace h5cap;

namespace {

// Principals in the order of their turns, the connections of each likewise; none without work.
struct Model {
  struct OfConnection {
    std::uint64_t connection;
    std::vector<Work*> work;
  };
  struct OfPrincipal {
    PrincipalId principal;
    std::vector<OfConnection> connections;
  };
  std::vector<OfPrincipal> principals;

  void add(Work* work) {
    auto ofPrincipal = std::find_if(principals.begin(), principals.end(),
                                    [&](auto& one) { return one.principal == work->owner.principal; });
    if (ofPrincipal == principals.end()) ofPrincipal = principals.insert(principals.end(), {work->owner.principal, {}});
    auto& connections = ofPrincipal->connections;
    auto ofConnection = std::find_if(connections.begin(), connections.end(),
                                     [&](auto& one) { return one.connection == work->owner.connection; });
    if (ofConnection == connections.end())
      ofConnection = connections.insert(connections.end(), {work->owner.connection, {}});
    ofConnection->work.push_back(work);
  }

  Work* take() {
    OfPrincipal principal = principals.front();
    OfConnection connection = principal.connections.front();
    Work* work = connection.work.front();
    connection.work.erase(connection.work.begin());
    principal.connections.erase(principal.connections.begin());
    if (!connection.work.empty()) principal.connections.push_back(connection);
    principals.erase(principals.begin());
    if (!principal.connections.empty()) principals.push_back(principal);
    return work;
  }

  void remove(Work* work) {
    for (auto& principal : principals) {
      for (auto& connection : principal.connections) std::erase(connection.work, work);
      std::erase_if(principal.connections, [](auto& connection) { return connection.work.empty(); });
    }
    std::erase_if(principals, [](auto& principal) { return principal.connections.empty(); });
  }
};

std::shared_ptr<Work> workOf(WorkOwner owner) {
  return std::make_shared<Work>(owner, WorkSize::usual, [] { return Work::Outcome([] {}); });
}

}  // namespace

TEST_CASE("work is taken in the order of turns, whatever was added, taken and removed before") {
  std::mt19937 random(20261127);
  unsigned taken = 0, removed = 0, single = 0;
  for (int round = 0; round < 300; ++round) {
    FairQueue queue;
    Model model;
    std::vector<std::shared_ptr<Work>> queued;
    for (int step = 0; step < 100; ++step) {
      const unsigned what = random() % 8;
      single += queued.size() == 1;
      if (queued.empty() || what < 3 + static_cast<unsigned>(round % 2)) {
        // A connection is its principal's alone.
        const std::uint64_t connection = random() % 6;
        queued.push_back(workOf({PrincipalId{connection % 3}, connection}));
        queue.add(queued.back());
        model.add(queued.back().get());
      } else if (what < 7) {
        const auto work = queue.take();
        REQUIRE(work.get() == model.take());
        CHECK(work->state == Work::State::taken);
        std::erase(queued, work);
        ++taken;
      } else {
        const auto work = queued[random() % queued.size()];
        queue.remove(*work);
        model.remove(work.get());
        std::erase(queued, work);
        ++removed;
      }
      REQUIRE(queue.size() == queued.size());
      REQUIRE(queue.empty() == queued.empty());
    }
  }
  CHECK(taken > 10'000);
  CHECK(removed > 2'000);
  CHECK(single > 2'000);
}
