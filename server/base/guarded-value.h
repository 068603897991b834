// A value together with the mutex that guards it: what threads share is reached through a lock, or not at all.
//
//   GuardedValue<State> state_;
//   state_.lock()->count += 1;           // locked until the end of the statement
//   auto state = state_.lock();          // locked as long as `state` lives
//
// kj::MutexGuarded does the same, for what is not waited for: whoever releases it for a thread that waits for a
// condition hands the lock over to that thread, and does not get it back until that has run.  Nor can ThreadSanitizer
// look into it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace h5cap {

template <class T>
class GuardedValue {
 public:
  // The value, for as long as the mutex is held.
  class Locked {
   public:
    T* operator->() const { return &value_; }
    T& operator*() const { return value_; }

    // Lets others have the mutex until `holds()` does, which is looked at when `changed` is notified.
    template <class Predicate>
    void wait(std::condition_variable& changed, Predicate holds) {
      changed.wait(lock_, holds);
    }

    // The same for `atMost`; returns whether it holds.
    template <class Predicate>
    bool waitFor(std::condition_variable& changed, std::chrono::milliseconds atMost, Predicate holds) {
      return changed.wait_for(lock_, atMost, holds);
    }

   private:
    friend class GuardedValue;
    Locked(T& value, std::mutex& mutex) : lock_(mutex), value_(value) {}

    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  Locked lock() { return {value_, mutex_}; }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace h5cap
