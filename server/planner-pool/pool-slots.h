// How many planner processes there may be, and whose turn it is.
#pragma once

#include <kj/async.h>
#include <kj/refcount.h>
#include <kj/timer.h>

#include <deque>
#include <list>

namespace h5cap {

// Somebody with a process that does nothing at the moment.
class Evictable {
 public:
  virtual void evict() = 0;  // gives its slot back

 protected:
  ~Evictable() = default;
};

class PoolSlots {
 public:
  explicit PoolSlots(unsigned count) : free_(count) {}
  KJ_DISALLOW_COPY(PoolSlots);

  // The right to have one process; destroying it gives the right back.  Must not outlive the PoolSlots.
  class Slot {
   public:
    explicit Slot(PoolSlots& slots) : slots_(slots) {}
    ~Slot() { slots_.giveBack(); }
    KJ_DISALLOW_COPY(Slot);

   private:
    PoolSlots& slots_;
  };

  // A free slot, that of the process idle longest, or the next one given back.
  kj::Promise<kj::Own<Slot>> take();

  bool areWanted() const { return !waiting_.empty(); }

  // Idle processes, idle longest first.
  void idle(Evictable& planner, kj::TimePoint since) { idle_.push_back({&planner, since}); }
  void busy(Evictable& planner) {
    idle_.remove_if([&](const Idle& one) { return one.planner == &planner; });
  }
  void evictIdleSince(kj::TimePoint limit);

 private:
  struct Idle {
    Evictable* planner;
    kj::TimePoint since;
  };
  void giveBack();

  unsigned free_;
  std::list<Idle> idle_;
  std::deque<kj::Own<kj::PromiseFulfiller<kj::Own<Slot>>>> waiting_;
};

}  // namespace h5cap
