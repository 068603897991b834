// Threads by what they may hang in.
//
// A thread that asks a file system whose server or device is gone is stuck for good: it can be neither stopped nor
// joined.  So each file system, as seen through one export, has a lane: a queue and some threads of its own.  What
// hangs there stops what is asked of it, and nothing else.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "server/base/work.h"

namespace h5cap {

// Open files are read and examined in one lane; their paths are followed, and folders listed, in others: neither waits
// behind the other.
enum class LaneUse { computing, reading, opening, listing };

// Whether file systems that are local by their type count as ones that may hang.
enum class LaneRule { byType, always };

struct LaneId {
  LaneUse use = LaneUse::reading;
  std::string exported;      // the name of the export
  std::uint64_t device = 0;  // st_dev
  std::string apart;         // paths that are kept apart: see OpeningLanes

  friend auto operator<=>(const LaneId&, const LaneId&) = default;
};

struct LaneOptions {
  // Behaviour.
  LaneRule rule = LaneRule::byType;

  // Performance.
  unsigned threads = 1;                           // at most, of each that computes or reads; and one for small work
  std::chrono::milliseconds idleTime{10'000};     // until a thread that has nothing to do ends
  unsigned openingThreads = 2;                    // at most, of each lane that opens or lists
  std::chrono::milliseconds openingTime{1'000};   // a thread that opens for longer is given up: another takes its place
  unsigned givenUpThreads = 16;                   // at most, of each lane; then it is busy
};

// A reference to a lane; cheap to copy.  Safe from all threads.
class Lane {
 public:
  // Runs `work` on a thread of the lane and resolves on the calling event loop.  Whatever it throws arrives through
  // wire::toKj.  `owner` is whoever calls: principals take turns, and the connections of each.
  //
  // Work owns what it uses: it may outlive the promise, and, in a thread that hangs, everything.  Dropping the promise
  // takes no time.  Before the work has started that removes it from the queue; afterwards the work runs to its end, or
  // to where it asks whether it is wanted, and its result is dropped.  The work and what it owns are destroyed on the
  // thread that ran it, before the promise resolves, or on the calling thread when it is withdrawn.
  //
  // Small work does not wait behind work of the usual size: most turns are its, and one more thread.
  //
  // Busy: all threads of a lane that opens have been given up.
  template <class T>
  kj::Promise<T> run(WorkOwner owner, kj::Function<T()> work, WorkSize size = WorkSize::usual) const;

  // Runs `work` on a thread of the lane; nobody waits for it.  Dropped when the lanes have ended.
  void leave(kj::Function<void()> work) const;

  // A lane for work that may hang in either: this one when they are the same.
  Lane with(const Lane& other) const;

  const LaneId& id() const;
  LaneRule rule() const;
  unsigned threadCount() const;  // those that are stuck included

  bool operator==(const Lane& other) const { return state_ == other.state_; }

 private:
  friend class Lanes;
  struct State;
  struct Table;

  explicit Lane(std::shared_ptr<State> state) : state_(std::move(state)) {}
  kj::Own<void> enqueue(WorkOwner owner, WorkSize size, Work::Body body) const;  // dropping the result withdraws it

  std::shared_ptr<State> state_;
};

// The lanes that there are: each as long as anybody refers to it or a thread of it lives.  Safe from all threads.
class Lanes {
 public:
  explicit Lanes(LaneOptions options);
  ~Lanes();  // finish()
  KJ_DISALLOW_COPY(Lanes);

  Lane of(const LaneId& id) const;

  // Ends all threads: work under way ends where it asks whether it is wanted, and what is queued is dropped, now and
  // later.  Waits for at most `patience` and returns how many threads are left: those that hang, which end when what
  // they hang in lets them go.
  unsigned finish(std::chrono::milliseconds patience = std::chrono::milliseconds(1'000));

  const LaneOptions& options() const;
  std::size_t count() const;
  unsigned threadCount() const;  // of all

 private:
  std::shared_ptr<Lane::Table> table_;
};

// ---------------------------------------------------------------------------------------------------- implementation

template <class T>
kj::Promise<T> Lane::run(WorkOwner owner, kj::Function<T()> work, WorkSize size) const {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<T>();
  auto body = [work = kj::mv(work), fulfiller = kj::mv(paf.fulfiller)]() mutable -> Work::Outcome {
    try {
      if constexpr (std::is_void_v<T>) {
        work();
        return [fulfiller = kj::mv(fulfiller)]() mutable { fulfiller->fulfill(); };
      } else {
        return [value = work(), fulfiller = kj::mv(fulfiller)]() mutable { fulfiller->fulfill(kj::mv(value)); };
      }
    } catch (...) {
      return [error = currentExceptionAsKj(), fulfiller = kj::mv(fulfiller)]() mutable {
        fulfiller->reject(kj::mv(error));
      };
    }
  };
  return kj::evalNow([&] { return paf.promise.attach(enqueue(owner, size, kj::mv(body))); });
}

}  // namespace h5cap
