// Memory that decoding may take, of all threads together: a few kilobytes of a hostile file decode to a gigabyte.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <utility>

#include "server/base/guarded-value.h"

namespace h5cap {

class DecodeBudget {
 public:
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Lease() {
      if (budget_ != nullptr) budget_->giveBack(bytes_);
    }

   private:
    friend class DecodeBudget;
    Lease(DecodeBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
    DecodeBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  explicit DecodeBudget(std::uint64_t bytes, std::chrono::milliseconds patience = std::chrono::seconds(10))
      : total_(bytes), patience_(patience) {}

  // Waits, in order of arrival, until there is room; what is larger than the budget gets it all, alone.  A thread holds
  // one lease at a time.  Busy when there is no room for as long as the patience lasts.
  Lease take(std::uint64_t bytes);

  // The most that was taken at once.
  std::uint64_t peak();

 private:
  struct Use {
    std::list<int> waiting;  // a place for everybody who waits
    std::uint64_t used = 0, peak = 0;
  };

  void giveBack(std::uint64_t bytes);

  const std::uint64_t total_;
  const std::chrono::milliseconds patience_;
  GuardedValue<Use> use_;
  std::condition_variable changed_;  // `use_` has
};

}  // namespace h5cap
