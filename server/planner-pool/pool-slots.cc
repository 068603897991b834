#include "server/planner-pool/pool-slots.h"

namespace h5cap {

kj::Promise<kj::Own<PoolSlots::Slot>> PoolSlots::take() {
  if (free_ == 0 && !idle_.empty()) idle_.front().planner->evict();
  if (free_ > 0) {
    --free_;
    return kj::heap<Slot>(*this);
  }
  auto paf = kj::newPromiseAndFulfiller<kj::Own<Slot>>();
  waiting_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

void PoolSlots::giveBack() {
  ++free_;
  while (free_ > 0 && !waiting_.empty()) {
    auto next = kj::mv(waiting_.front());
    waiting_.pop_front();
    if (!next->isWaiting()) continue;
    --free_;
    next->fulfill(kj::heap<Slot>(*this));
  }
}

void PoolSlots::evictIdleSince(kj::TimePoint limit) {
  while (!idle_.empty() && idle_.front().since <= limit) idle_.front().planner->evict();
}

}  // namespace h5cap
