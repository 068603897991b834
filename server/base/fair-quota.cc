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

// What one principal holds of the reserve is a small part of what is left of it: however many come, the next one finds
// a little.
constexpr std::uint64_t reservedPart = 16, partOfReserve = 64;

struct Counts {
  std::uint64_t used = 0;                              // of what is common
  std::uint64_t usedOfReserve = 0;
  std::map<PrincipalId, std::uint64_t> ofReserve;      // no zeros
  std::map<PrincipalId, Queue> waiting;                // no empty ones
  std::deque<PrincipalId> turns;                       // who waits, next first
};

}  // namespace

struct FairQuota::State : std::enable_shared_from_this<FairQuota::State> {
  explicit State(std::uint64_t capacity) : reserve(capacity / reservedPart), common(capacity - reserve) {}

  bool fits(const Counts& counts, std::uint64_t amount) const {
    return counts.used == 0 || (counts.used < common && amount <= common - counts.used);
  }

  bool fitsReserve(const Counts& counts, PrincipalId principal, std::uint64_t amount) const {
    const auto mine = counts.ofReserve.find(principal);
    const std::uint64_t held = mine == counts.ofReserve.end() ? 0 : mine->second;
    const std::uint64_t most = (reserve - counts.usedOfReserve) / partOfReserve;
    return amount <= most && held <= most - amount;
  }

  Share take(Counts& counts, PrincipalId principal, std::uint64_t amount, Part part) const {
    if (part == Part::common) {
      counts.used += amount;
    } else if (amount > 0) {
      counts.usedOfReserve += amount;
      counts.ofReserve[principal] += amount;
    }
    return {principal, amount, part};
  }

  void putBack(Counts& counts, const Share& share) const {
    if (share.part == Part::common) {
      counts.used -= share.amount;
    } else if (share.amount > 0) {
      counts.usedOfReserve -= share.amount;
      auto mine = counts.ofReserve.find(share.principal);
      if ((mine->second -= share.amount) == 0) counts.ofReserve.erase(mine);
    }
  }

  struct Served {
    Share share;
    Fulfiller fulfiller;
  };

  // Takes those out who get what they wait for, turn by turn.  They are to be told without the lock: telling one who
  // gives up meanwhile gives the lease back.
  kj::Vector<Served> serve(Counts& counts) const {
    kj::Vector<Served> served;
    while (!counts.turns.empty()) {
      const PrincipalId next = counts.turns.front();
      auto& waiters = waitersOf(counts, next);
      if (!waiters.empty()) {
        if (!fits(counts, waiters.front().amount)) break;
        served.add(serveFirst(counts, next, Part::common));
      }
      counts.turns.pop_front();
      if (waiters.empty())
        counts.waiting.erase(next);
      else
        counts.turns.push_back(next);
    }
    std::erase_if(counts.turns, [&](PrincipalId one) {
      auto& waiters = waitersOf(counts, one);
      while (!waiters.empty() && fitsReserve(counts, one, waiters.front().amount)) {
        served.add(serveFirst(counts, one, Part::reserve));
        waitersOf(counts, one);
      }
      return waiters.empty() && counts.waiting.erase(one) > 0;
    });
    return served;
  }

  // Those who have given up at its front are gone.
  static std::deque<Waiter>& waitersOf(Counts& counts, PrincipalId principal) {
    auto& waiters = counts.waiting.find(principal)->second.waiters;
    while (!waiters.empty() && !waiters.front().fulfiller->isWaiting()) waiters.pop_front();
    return waiters;
  }

  Served serveFirst(Counts& counts, PrincipalId principal, Part part) const {
    auto& waiters = counts.waiting.find(principal)->second.waiters;
    Served served{take(counts, principal, waiters.front().amount, part), kj::mv(waiters.front().fulfiller)};
    waiters.pop_front();
    return served;
  }

  void tell(kj::Vector<Served> served) {
    for (Served& one : served) one.fulfiller->fulfill(kj::heap<Lease>(shared_from_this(), one.share));
  }

  const std::uint64_t reserve, common;
  GuardedValue<Counts> counts;
};

FairQuota::Lease::~Lease() noexcept(false) {
  kj::Vector<State::Served> served;
  {
    auto counts = state_->counts.lock();
    state_->putBack(*counts, share_);
    served = state_->serve(*counts);
  }
  state_->tell(kj::mv(served));
}

FairQuota::FairQuota(std::uint64_t capacity) : state_(std::make_shared<State>(capacity)) {}

kj::Maybe<kj::Own<FairQuota::Lease>> FairQuota::tryTake(PrincipalId principal, std::uint64_t amount) const {
  auto counts = state_->counts.lock();
  const bool isCommon = counts->turns.empty() && state_->fits(*counts, amount);
  if (!isCommon && !state_->fitsReserve(*counts, principal, amount)) return nullptr;
  return kj::heap<Lease>(state_, state_->take(*counts, principal, amount, isCommon ? Part::common : Part::reserve));
}

kj::Promise<kj::Own<FairQuota::Lease>> FairQuota::take(PrincipalId principal, std::uint64_t amount) const {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<kj::Own<Lease>>();
  kj::Vector<State::Served> served;
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

std::uint64_t FairQuota::used() const {
  auto counts = state_->counts.lock();
  return counts->used + counts->usedOfReserve;
}

bool FairQuota::isScarce() const { return !state_->counts.lock()->turns.empty(); }

}  // namespace h5cap
