#include "client/src/rpc/patience.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace h5cap::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto INTERRUPT_INTERVAL = 50ms;
constexpr auto FIRST_PAUSE = 20ms;
constexpr std::chrono::milliseconds LONGEST_PAUSE = 1s;
constexpr unsigned DOUBLINGS = 6;
// A link that dies again and again may never carry a reply whole.
constexpr unsigned MOST_LOSSES = 100;

thread_local Patience* ours = nullptr;

}  // namespace

std::chrono::milliseconds reconnectTime(const ConnectOptions& options) {
  // For those who cannot reach the options, as users of h5py's interface: seconds, zero for never.
  const char* stated = std::getenv("H5CAP_RECONNECT");
  char* end = nullptr;
  const double seconds = stated == nullptr ? 0 : std::strtod(stated, &end);
  if (stated == nullptr || end == stated || !(seconds >= 0 && seconds < 1e6)) return options.reconnectTime;
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Patience::Patience(const ConnectOptions& options) : options_(options), deadline_(Clock::now() + options.timeout) {
  ours = this;
}

Patience::~Patience() { ours = nullptr; }

Patience* Patience::current() { return ours; }

void Patience::renew() {
  deadline_ = Clock::now() + options_.timeout;
  isLosing_ = false;
}

void Patience::lost(const std::exception_ptr& problem) {
  if (++losses_ > MOST_LOSSES) std::rethrow_exception(problem);
  const auto now = Clock::now();
  if (!isLosing_) giveUp_ = std::min(now + reconnectTime(options_), deadline_);
  // The first attempt is made at once: most lost connections can be replaced.
  const auto pause =
      isLosing_ ? std::min<std::chrono::milliseconds>(FIRST_PAUSE * (1u << std::min(losses_, DOUBLINGS)), LONGEST_PAUSE)
                : 0ms;
  isLosing_ = true;
  if (now + pause >= giveUp_) std::rethrow_exception(problem);
  for (auto end = now + pause; Clock::now() < end;) {
    std::this_thread::sleep_for(std::min<Clock::duration>(INTERRUPT_INTERVAL, end - Clock::now()));
    if (options_.interrupted) options_.interrupted();
  }
}

}  // namespace h5cap::detail
