#include "server/base/fair-quota.h"

#include <kj/vector.h>

#include <algorithm>
#include <deque>
#include <map>

#include "server/base/guarded-value.h"

namespace h5cap {
namespace {

using Fulfiller = kj::Own<kj::CrossThreadPromiseFulfiller<kj::Own<FairQuota::Lease>>>;

struct Waiter {
  std::uint64_t amount;
  Fulfiller fulfiller;
};

// What one principal waits for, in order.
struct Queue {
  std::deque<Waiter> waiters;
  std::size_t pruneAt = 64;

  // Whoever asks and gives up, over and over, must not make the queue grow.
  void add(Waiter waiter) {
    if (waiters.size() >= pruneAt) {
      std::erase_if(waiters, [](Waiter& one) { return !one.fulfiller->isWaiting(); });
      pruneAt = std::max(pruneAt, 2 * waiters.size());
    }
    waiters.push_back(kj::mv(waiter));
  }
};

struct Counts {
  std::uint64_t used = 0;
  std::map<PrincipalId, Queue> waiting;  // no empty ones
  std::deque<PrincipalId> turns;         // who waits, next first
};

}  // namespace

struct FairQuota::State : std::enable_shared_from_this<FairQuota::State> {
  explicit State(std::uint64_t capacity) : capacity(capacity) {}

  bool fits(const Counts& counts, std::uint64_t amount) const {
    return counts.used == 0 || (counts.used < capacity && amount <= capacity - counts.used);
  }

  // Takes those out who get what they wait for, turn by turn.  They are to be told without the lock: telling one who
  // gives up meanwhile gives the lease back.
  kj::Vector<Waiter> serve(Counts& counts) const {
    kj::Vector<Waiter> served;
    while (!counts.turns.empty()) {
      const PrincipalId next = counts.turns.front();
      auto queue = counts.waiting.find(next);
      auto& waiters = queue->second.waiters;
      while (!waiters.empty() && !waiters.front().fulfiller->isWaiting()) waiters.pop_front();
      if (!waiters.empty()) {
        if (!fits(counts, waiters.front().amount)) break;
        counts.used += waiters.front().amount;
        served.add(kj::mv(waiters.front()));
        waiters.pop_front();
      }
      counts.turns.pop_front();
      if (waiters.empty())
        counts.waiting.erase(queue);
      else
        counts.turns.push_back(next);
    }
    return served;
  }

  void tell(kj::Vector<Waiter> served) {
    for (Waiter& waiter : served)
      waiter.fulfiller->fulfill(kj::heap<Lease>(shared_from_this(), waiter.amount));
  }

  const std::uint64_t capacity;
  GuardedValue<Counts> counts;
};

FairQuota::Lease::~Lease() noexcept(false) {
  kj::Vector<Waiter> served;
  {
    auto counts = state_->counts.lock();
    counts->used -= amount_;
    served = state_->serve(*counts);
  }
  state_->tell(kj::mv(served));
}

FairQuota::FairQuota(std::uint64_t capacity) : state_(std::make_shared<State>(capacity)) {}

kj::Maybe<kj::Own<FairQuota::Lease>> FairQuota::tryTake(std::uint64_t amount) const {
  {
    auto counts = state_->counts.lock();
    if (!counts->turns.empty() || !state_->fits(*counts, amount)) return nullptr;
    counts->used += amount;
  }
  return kj::heap<Lease>(state_, amount);
}

kj::Promise<kj::Own<FairQuota::Lease>> FairQuota::take(PrincipalId principal, std::uint64_t amount) const {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<kj::Own<Lease>>();
  kj::Vector<Waiter> served;
  {
    auto counts = state_->counts.lock();
    const auto [queue, isNew] = counts->waiting.try_emplace(principal);
    if (isNew) counts->turns.push_back(principal);
    queue->second.add(Waiter{amount, kj::mv(paf.fulfiller)});
    served = state_->serve(*counts);
  }
  state_->tell(kj::mv(served));
  return kj::mv(paf.promise);
}

std::uint64_t FairQuota::used() const { return state_->counts.lock()->used; }

}  // namespace h5cap
