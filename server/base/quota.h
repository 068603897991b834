// A budget of one connection's that callers wait for, in the order in which they asked.
//
// Belongs to one thread: that of the event loop on which the connection is, from its first byte to its last.
#pragma once

#include <kj/async.h>
#include <kj/function.h>
#include <kj/refcount.h>

#include <cstdint>
#include <deque>

namespace h5cap {

class Quota : public kj::Refcounted {
 public:
  // What was granted; dropping it gives it back.
  class Lease {
   public:
    Lease(kj::Own<Quota> quota, std::uint64_t amount) : quota_(kj::mv(quota)), amount_(amount) {}
    ~Lease() noexcept(false) { quota_->release(amount_); }
    KJ_DISALLOW_COPY(Lease);

   private:
    kj::Own<Quota> quota_;
    std::uint64_t amount_;
  };

  explicit Quota(std::uint64_t capacity) : capacity_(capacity) {}

  // Waits until `amount` fits.  An amount above the capacity is granted once nothing else is in use.  Dropping the
  // promise gives up the place in the queue.
  kj::Promise<kj::Own<Lease>> take(std::uint64_t amount);

  // The same when it need not wait; otherwise nothing.
  kj::Maybe<kj::Own<Lease>> tryTake(std::uint64_t amount);

  // Whether that would give something.
  bool isFree(std::uint64_t amount);

  // Counts what is in use elsewhere against the capacity; `recheck` is to be called when that shrinks.
  void countAlso(kj::Function<std::uint64_t()> elsewhere) { elsewhere_ = kj::mv(elsewhere); }
  void recheck();

  std::uint64_t used() const { return used_; }
  std::size_t waiting() const { return queue_.size(); }

 private:
  struct Waiter {
    std::uint64_t amount;
    kj::Own<kj::PromiseFulfiller<kj::Own<Lease>>> fulfiller;
  };

  bool fits(std::uint64_t amount);
  kj::Own<Lease> grant(std::uint64_t amount);
  void release(std::uint64_t amount);
  void prune();

  static constexpr std::size_t fewWaiters = 64;

  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  kj::Maybe<kj::Function<std::uint64_t()>> elsewhere_;
  std::deque<Waiter> queue_;
  std::size_t pruneAt_ = fewWaiters;
};

}  // namespace h5cap
