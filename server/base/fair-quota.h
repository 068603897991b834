// A budget of the whole server's that callers wait for, one turn a principal: who asks for much waits behind their own.
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

 public:
  // What was granted; dropping it, on any thread, gives it back.  May outlive the quota.
  class Lease {
   public:
    Lease(std::shared_ptr<State> state, std::uint64_t amount) : state_(std::move(state)), amount_(amount) {}
    ~Lease() noexcept(false);
    KJ_DISALLOW_COPY(Lease);

   private:
    std::shared_ptr<State> state_;
    std::uint64_t amount_;
  };

  explicit FairQuota(std::uint64_t capacity);

  // Nothing when it does not fit now, or others wait.  An amount above the capacity fits once nothing else is in use.
  kj::Maybe<kj::Own<Lease>> tryTake(std::uint64_t amount) const;

  // Waits until it fits.  Dropping the promise gives up the place in the queue.
  kj::Promise<kj::Own<Lease>> take(PrincipalId principal, std::uint64_t amount) const;

  std::uint64_t used() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace h5cap
