// Covers turns of the event loop's thread: short work passes between two of them, principals and connections take
// turns, and those who have given up take none.
#include <doctest/doctest.h>
#include <kj/async-io.h>

#include <string>
#include <vector>

#include "server/base/loop-turns.h"

using namespace h5cap;

namespace {

constexpr WorkOwner greedy{PrincipalId{1}, 1}, alsoGreedy{PrincipalId{1}, 2}, polite{PrincipalId{2}, 3};

struct Scene {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  LoopTurns turns{io.provider->getTimer()};
  std::string order;
  std::vector<kj::Promise<void>> all;

  void ask(WorkOwner owner, char letter, std::uint64_t cost = LoopTurns::costOfTurn) {
    all.push_back(turns.take(owner, cost).then([this, letter] { order += letter; }).eagerlyEvaluate(nullptr));
  }
  void finish() {
    for (auto& one : all) one.wait(io.waitScope);
  }
};

}  // namespace

TEST_CASE("whoever comes when nobody waits has a turn at once") {
  Scene scene;
  CHECK(scene.turns.take(polite, LoopTurns::costOfLookUp).poll(scene.io.waitScope));
}

TEST_CASE("principals take turns, and the connections of each") {
  Scene scene;
  for (char letter : {'a', 'b', 'c', 'd'}) scene.ask(greedy, letter);
  for (char letter : {'x', 'y'}) scene.ask(alsoGreedy, letter);
  scene.ask(polite, '-');
  scene.finish();
  CHECK(scene.order == "ab-xcyd");
}

TEST_CASE("a turn has room for many small steps") {
  Scene scene;
  for (int i = 0; i < 8; ++i) CHECK(scene.turns.take(greedy, LoopTurns::costOfTurn / 8).poll(scene.io.waitScope));
}

TEST_CASE("what is ready passes between two turns") {
  Scene scene;
  for (int i = 0; i < 50; ++i) scene.ask(greedy, 'g');
  auto pipe = scene.io.provider->newTwoWayPipe();  // over sockets
  pipe.ends[0]->write("x", 1).wait(scene.io.waitScope);
  char got = 0;
  pipe.ends[1]->read(&got, 1).wait(scene.io.waitScope);
  CHECK(scene.order.size() < 10);
  scene.finish();
  CHECK(scene.order.size() == 50);
}

TEST_CASE("one that gives up takes no turn") {
  Scene scene;
  for (char letter : {'a', 'b', 'c'}) scene.ask(greedy, letter);
  scene.all.pop_back();
  scene.ask(polite, '-');
  scene.finish();
  CHECK(scene.order == "ab-");
}

TEST_CASE("who is alone is told so, until another one asks") {
  Scene scene;
  scene.turns.take(greedy, 1).wait(scene.io.waitScope);
  CHECK_FALSE(scene.turns.isAlone(greedy));  // not yet
  scene.io.provider->getTimer().afterDelay(60 * kj::MILLISECONDS).wait(scene.io.waitScope);
  CHECK(scene.turns.isAlone(greedy));
  CHECK_FALSE(scene.turns.isAlone(polite));
  scene.turns.take(polite, 1).wait(scene.io.waitScope);
  scene.turns.take(greedy, 1).wait(scene.io.waitScope);
  CHECK_FALSE(scene.turns.isAlone(greedy));
}
