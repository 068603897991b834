// How long a call waits, and how long for another connection when it has lost its own.
#pragma once

#include <chrono>
#include <exception>

#include "h5cap/options.h"

namespace h5cap::detail {

// `ConnectOptions::reconnectTime`, or $H5CAP_RECONNECT in seconds.
std::chrono::milliseconds reconnectTime(const ConnectOptions& options);

// Of one call of the public interface, on the thread that makes it.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Patience(const ConnectOptions& options);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  // That of the call that this thread is in; null in none.
  static Patience* current();

  // Something arrived.
  void renew();

  // When waiting without progress ends.
  Clock::time_point deadline() const { return deadline_; }

  // The connection was lost, of which `problem` tells: waits before the next attempt, or throws `problem` when that
  // would be the last word anyway.
  void lost(const std::exception_ptr& problem);

 private:
  const ConnectOptions& options_;
  Clock::time_point deadline_;
  Clock::time_point giveUp_;  // of the losses since something last arrived
  unsigned losses_ = 0;
  bool isLosing_ = false;
};

}  // namespace h5cap::detail
