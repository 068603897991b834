#include "server/base/shared-file.h"

#include <unistd.h>

namespace h5cap {

// Some file systems ask their server before they close.  Should the lane end first, the end of the process closes it.
SharedFile::~SharedFile() noexcept(false) {
  if (answersAtOnce()) return;
  lane_.leave([descriptor = file_.release()] { close(descriptor); });
}

void SharedFile::settleNoSooner(std::chrono::nanoseconds settle) const {
  auto seen = seen_.lockExclusive();
  if (settle <= seen->settle) return;
  seen->settle = settle;
  if (seen->last) seen->last->stability = Stability::hidden;
}

Stamp SharedFile::look() const {
  using std::chrono::steady_clock;
  using std::chrono::system_clock;
  const auto before = steady_clock::now();
  const std::int64_t takenNs =
      std::chrono::duration_cast<std::chrono::nanoseconds>(system_clock::now().time_since_epoch()).count();
  const FileState state = stateOf(file_);
  std::chrono::nanoseconds settle;
  Observation observation{state, takenNs, {}, Writers::unknown, fileSystem_};
  {
    auto seen = seen_.lockExclusive();
    auto& last = seen->last;
    if (!last || last->state != state) last = Phase{state, steady_clock::now()};
    // Whoever opens it for writing from now on changes its times before its bytes, where maps do, too.
    const bool isForGood = last->stability == Stability::settled && fileSystem_ != FileSystemKind::memory;
    if (isForGood) return Stamp(state, takenNs, Stability::settled);
    observation.unchangedFor = before - last->first;
    settle = seen->settle;
  }
  observation.writers = writersOf(file_);
  const Stability stability = judge(observation, settle);
  auto seen = seen_.lockExclusive();
  if (seen->last->state == state && seen->settle == settle) seen->last->stability = stability;
  return Stamp(state, takenNs, stability);
}

}  // namespace h5cap
