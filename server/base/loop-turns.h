// Turns of the event loop's thread, for work that would keep it for long if it were all done at once.
//
// The thread serves everybody.  What is long is done in steps, and a step is begun only in a turn: between two turns
// whatever else is ready is handled, sockets that have become so included.  Whoever has nothing but short work so waits
// for one turn at most, however much others want to have done.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstdint>
#include <deque>

#include "server/base/fair-queue.h"

namespace h5cap {

// Belongs to the event loop's thread.
class LoopTurns {
 public:
  // What is done in one turn.  Costs are in bytes that are written to a socket, a few GB a second: 0.1 ms.
  static constexpr std::uint64_t costOfTurn = 256 << 10;

  // Looking one path up, with what comes of it.
  static constexpr std::uint64_t costOfLookUp = 32 << 10;

  // Beginning a call.
  static constexpr std::uint64_t costOfCall = 64 << 10;

  explicit LoopTurns(kj::Timer& timer) : timer_(timer) {}
  KJ_DISALLOW_COPY(LoopTurns);

  // Resolves when a step of this cost may be begun: at once when the turn has room and nobody waits.  Principals take
  // turns, and the connections of each.
  kj::Promise<void> take(WorkOwner owner, std::uint64_t cost);

  // Takes what take() would give at once; false when it would not.
  bool tryTake(WorkOwner owner, std::uint64_t cost);

  // Whether no other connection has asked for a turn for a while: steps may then be as large as they like.
  bool isAlone(WorkOwner owner) const;

 private:
  struct Waiter {
    std::uint64_t cost;
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
  };
  using OfConnection = std::deque<Waiter>;
  using OfPrincipal = Turns<std::uint64_t, OfConnection>;

  // Begins the next turn, and those after it, while anybody waits.
  void beginTurns();
  kj::Promise<void> nextTurns();
  void beginTurn();

  kj::Timer& timer_;
  Turns<PrincipalId, OfPrincipal> waiting_;
  std::uint64_t spent_ = 0;  // in this turn
  kj::TimePoint begun_ = timer_.now();  // this turn; the time stands still until sockets are looked at
  std::uint64_t lastAsked_ = 0;  // by connection
  kj::TimePoint othersAsked_ = timer_.now();
  bool isServing_ = false;
  kj::Promise<void> serving_ = nullptr;  // not to be replaced by what it does itself: that would destroy it
};

}  // namespace h5cap
