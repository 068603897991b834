#include "server/base/loop-turns.h"

namespace h5cap {

namespace {

constexpr kj::Duration whileOthersCount = 50 * kj::MILLISECONDS;

}  // namespace

bool LoopTurns::isAlone(WorkOwner owner) const {
  return owner.connection == lastAsked_ && timer_.now() - othersAsked_ > whileOthersCount;
}

kj::Promise<void> LoopTurns::take(WorkOwner owner, std::uint64_t cost) {
  if (owner.connection != lastAsked_) {
    lastAsked_ = owner.connection;
    othersAsked_ = timer_.now();
  }
  if (waiting_.empty() && spent_ < costOfTurn) {
    spent_ += cost;
    endTurn();
    return kj::READY_NOW;
  }
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.of(owner.principal).of(owner.connection).push_back({cost, kj::mv(paf.fulfiller)});
  endTurn();
  return kj::mv(paf.promise);
}

void LoopTurns::endTurn() {
  if (isEnding_) return;
  isEnding_ = true;
  ending_ = endTurns().eagerlyEvaluate(nullptr);
}

// A timer that is due at once fires when sockets have been looked at, behind those that are ready.
kj::Promise<void> LoopTurns::endTurns() {
  return timer_.afterDelay(0 * kj::NANOSECONDS).then([this]() -> kj::Promise<void> {
    if (next()) return endTurns();
    isEnding_ = false;
    return kj::READY_NOW;
  });
}

bool LoopTurns::next() {
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
  return spent_ > 0 || !waiting_.empty();
}

}  // namespace h5cap
