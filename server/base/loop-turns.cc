#include "server/base/loop-turns.h"

namespace h5cap {

namespace {

constexpr kj::Duration whileOthersCount = 50 * kj::MILLISECONDS;

}  // namespace

bool LoopTurns::isAlone(WorkOwner owner) const {
  return owner.connection == lastAsked_ && timer_.now() - othersAsked_ > whileOthersCount;
}

bool LoopTurns::tryTake(WorkOwner owner, std::uint64_t cost) {
  const auto now = timer_.now();
  if (owner.connection != lastAsked_) {
    lastAsked_ = owner.connection;
    othersAsked_ = now;
  }
  if (!waiting_.empty()) return false;
  if (now != begun_) {
    begun_ = now;
    spent_ = 0;
  }
  if (spent_ >= costOfTurn) return false;
  spent_ += cost;
  return true;
}

kj::Promise<void> LoopTurns::take(WorkOwner owner, std::uint64_t cost) {
  if (tryTake(owner, cost)) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.of(owner.principal).of(owner.connection).push_back({cost, kj::mv(paf.fulfiller)});
  beginTurns();
  return kj::mv(paf.promise);
}

void LoopTurns::beginTurns() {
  if (isServing_) return;
  isServing_ = true;
  serving_ = nextTurns().eagerlyEvaluate(nullptr);
}

// A timer that is due at once fires when sockets have been looked at, behind those that are ready.
kj::Promise<void> LoopTurns::nextTurns() {
  return timer_.afterDelay(0 * kj::NANOSECONDS).then([this]() -> kj::Promise<void> {
    beginTurn();
    if (!waiting_.empty()) return nextTurns();
    isServing_ = false;
    return kj::READY_NOW;
  });
}

void LoopTurns::beginTurn() {
  begun_ = timer_.now();
  spent_ = 0;
  while (!waiting_.empty() && spent_ < costOfTurn) {
    auto waiter = waiting_.next([](OfPrincipal& ofPrincipal) {
      return ofPrincipal.next([](OfConnection& queue) {
        Waiter first = kj::mv(queue.front());
        queue.pop_front();
        return first;
      });
    });
    if (!waiter.fulfiller->isWaiting()) continue;
    spent_ += waiter.cost;
    waiter.fulfiller->fulfill();
  }
}

}  // namespace h5cap
