#include "server/base/quota.h"

#include <algorithm>

namespace h5cap {

bool Quota::fits(std::uint64_t amount) {
  std::uint64_t used = used_;
  KJ_IF_MAYBE(elsewhere, elsewhere_) used += (*elsewhere)();
  return used == 0 || (used < capacity_ && amount <= capacity_ - used);
}

kj::Own<Quota::Lease> Quota::grant(std::uint64_t amount) {
  used_ += amount;
  return kj::heap<Lease>(kj::addRef(*this), amount);
}

bool Quota::isFree(std::uint64_t amount) {
  recheck();
  return queue_.empty() && fits(amount);
}

kj::Maybe<kj::Own<Quota::Lease>> Quota::tryTake(std::uint64_t amount) {
  if (!isFree(amount)) return nullptr;
  return grant(amount);
}

kj::Promise<kj::Own<Quota::Lease>> Quota::take(std::uint64_t amount) {
  if (isFree(amount)) return grant(amount);
  if (queue_.size() >= pruneAt_) prune();
  auto paf = kj::newPromiseAndFulfiller<kj::Own<Lease>>();
  queue_.push_back(Waiter{amount, kj::mv(paf.fulfiller)});
  return kj::mv(paf.promise);
}

// Whoever asks and gives up, over and over, must not make the queue grow.
void Quota::prune() {
  std::erase_if(queue_, [](Waiter& waiter) { return !waiter.fulfiller->isWaiting(); });
  pruneAt_ = std::max<std::size_t>(2 * queue_.size(), fewWaiters);
}

void Quota::recheck() {
  while (!queue_.empty()) {
    // Whoever gave up waiting is dropped when its turn comes.
    if (queue_.front().fulfiller->isWaiting()) {
      if (!fits(queue_.front().amount)) return;
      Waiter next = kj::mv(queue_.front());
      queue_.pop_front();
      next.fulfiller->fulfill(grant(next.amount));
    } else {
      queue_.pop_front();
    }
  }
}

void Quota::release(std::uint64_t amount) {
  used_ -= amount;
  recheck();
}

}  // namespace h5cap
