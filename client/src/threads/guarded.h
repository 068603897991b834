// A value together with the mutex that guards it: what threads share is reached through a lock, or not at all.
//
//   Guarded<State> state_;
//   state_.lock()->count += 1;           // locked until the end of the statement
//   auto state = state_.lock();          // locked as long as `state` lives
//
// A range-based `for` over a part of the value needs the second form: the first ends before the loop begins.
//
// kj::MutexGuarded would do the same, but takes no other mutex, and most of ours have to outlive a fork.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "client/src/threads/fork-safe-mutex.h"

namespace h5cap::detail {

template <class T, class Mutex = std::mutex>
class Guarded {
 public:
  // The value, for as long as the mutex is held.
  template <class Value>
  class Locked {
   public:
    Value* operator->() const { return &value_; }
    Value& operator*() const { return value_; }

    // Lets others have the mutex until `holds(value)` does, which is looked at when `changed` is notified, or until
    // `atMost` has passed.  Returns whether it holds.
    template <class Predicate>
    bool waitFor(std::condition_variable_any& changed, std::chrono::milliseconds atMost, Predicate holds) {
      return changed.wait_for(lock_, atMost, [&] { return holds(value_); });
    }

   private:
    friend class Guarded;
    Locked(Value& value, Mutex& mutex) : lock_(mutex), value_(value) {}

    std::unique_lock<Mutex> lock_;
    Value& value_;
  };

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  Locked<T> lock() { return {value_, mutex_}; }
  Locked<const T> lock() const { return {value_, mutex_}; }

 private:
  mutable Mutex mutex_;
  T value_{};
};

// One that a forked child may lock, whatever other threads of the parent were at.
template <class T>
using ForkGuarded = Guarded<T, ForkSafeMutex>;

}  // namespace h5cap::detail
