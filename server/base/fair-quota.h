// A budget of the whole server's that callers wait for, one turn a principal: who asks for much waits behind their own.
// A sixteenth of it is a reserve: for principals that want little, whatever others hold and wait for.
//
// Safe from all threads; promises resolve on the loop of whoever asked.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <memory>

#include "server/base/principal.h"

namespace h5cap {

class FairQuota {
  struct State;

  enum class Part { common, reserve };
  struct Share {
    PrincipalId principal;
    std::uint64_t amount;
    Part part;
  };

 public:
  // What was granted; dropping it, on any thread, gives it back.  May outlive the quota.
  class Lease {
   public:
    Lease(std::shared_ptr<State> state, Share share) : state_(std::move(state)), share_(share) {}
    ~Lease() noexcept(false);
    KJ_DISALLOW_COPY(Lease);

   private:
    std::shared_ptr<State> state_;
    Share share_;
  };

  explicit FairQuota(std::uint64_t capacity);

  // Nothing when it does not fit now, or others wait and it does not fit the reserve either.  An amount above the
  // capacity fits once nothing else is in use.
  kj::Maybe<kj::Own<Lease>> tryTake(PrincipalId principal, std::uint64_t amount) const;

  // Waits until it fits.  Dropping the promise gives up the place in the queue.
  kj::Promise<kj::Own<Lease>> take(PrincipalId principal, std::uint64_t amount) const;

  std::uint64_t used() const;

  // Whether anybody waits.
  bool isScarce() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace h5cap
