#include "server/base/shared-file.h"

namespace h5cap {

Stamp SharedFile::look() const {
  using std::chrono::steady_clock;
  using std::chrono::system_clock;
  const auto before = steady_clock::now();
  const std::int64_t takenNs =
      std::chrono::duration_cast<std::chrono::nanoseconds>(system_clock::now().time_since_epoch()).count();
  const FileState state = stateOf(file_);
  Observation observation{state, takenNs, {}, Writers::unknown, fileSystem_};
  {
    auto seen = seen_.lockExclusive();
    if (!*seen || (*seen)->state != state) *seen = Seen{state, steady_clock::now()};
    // Whoever opens it for writing from now on changes its times before its bytes, where maps do, too.
    const bool isForGood = (*seen)->stability == Stability::settled && fileSystem_ != FileSystemKind::memory;
    if (isForGood) return Stamp(state, takenNs, Stability::settled);
    observation.unchangedFor = before - (*seen)->first;
  }
  observation.writers = writersOf(file_);
  const Stability stability = judge(observation, settle_);
  auto seen = seen_.lockExclusive();
  if (*seen && (*seen)->state == state) (*seen)->stability = stability;
  return Stamp(state, takenNs, stability);
}

}  // namespace h5cap
