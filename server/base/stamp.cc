#include "server/base/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

namespace h5cap {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds TICK = 20ms;         // of kernels' clocks for time stamps: 1, 4 or 10 ms
constexpr nanoseconds COARSE_STEP = 2s;    // FAT's, the coarsest in use
constexpr nanoseconds REMOTE_SKEW = 60s;   // by how much another machine's clock may be wrong
constexpr std::int64_t MILLISECOND = 1'000'000;

std::int64_t inNanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// The last change as the times tell it.  A modification time may be set to anything, a time to come included.
std::int64_t lastChange(const FileState& state, std::int64_t takenNs) {
  return state.modifiedNs <= takenNs ? std::max(state.modifiedNs, state.changedNs) : state.changedNs;
}

// One file in a million of a fine clock looks coarse, and is kept two seconds later than it might.
nanoseconds stepOf(const FileState& state) { return state.changedNs % MILLISECOND == 0 ? COARSE_STEP : TICK; }

}  // namespace

Version FileState::version() const {
  std::uint64_t parts[] = {id.device, id.inode, size, static_cast<std::uint64_t>(modifiedNs),
                           static_cast<std::uint64_t>(changedNs)};
  Version bytes(sizeof parts);
  memcpy(bytes.data(), parts, sizeof parts);
  return bytes;
}

FileState stateOf(int file) {
  struct stat status;
  if (fstat(file, &status) != 0) throw FileError(std::string("cannot examine an open file: ") + strerror(errno));
  return FileState{{status.st_dev, status.st_ino}, static_cast<std::uint64_t>(status.st_size),
                   inNanoseconds(status.st_mtim), inNanoseconds(status.st_ctim)};
}

Writers writersOf(int file) {
  static const bool ignoresBreaks = signal(SIGIO, SIG_IGN) != SIG_ERR;
  if (!ignoresBreaks) return Writers::unknown;
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? Writers::some : Writers::unknown;
  fcntl(file, F_SETLEASE, F_UNLCK);
  return Writers::none;
}

FileSystemKind fileSystemOf(int file) {
  // From linux/magic.h, and of those that are not in it: XFS, ZFS, bcachefs.
  constexpr std::array<std::uint32_t, 9> local{0xEF53,     0x58465342, 0x9123683E, 0xF2F52010, 0x2FC12FC1,
                                               0xCA451A4E, 0x73717368, 0x9660,     0x4D44};
  constexpr std::array<std::uint32_t, 2> memory{0x01021994, 0x858458F6};
  constexpr std::uint32_t overlay = 0x794C7630;
  struct statfs status;
  if (fstatfs(file, &status) != 0) return FileSystemKind::remote;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  if (type == overlay) return FileSystemKind::stacked;
  if (std::find(memory.begin(), memory.end(), type) != memory.end()) return FileSystemKind::memory;
  return std::find(local.begin(), local.end(), type) != local.end() ? FileSystemKind::local : FileSystemKind::remote;
}

Stability judge(const Observation& seen, nanoseconds settle) {
  const nanoseconds age(seen.takenNs - lastChange(seen.state, seen.takenNs));
  const nanoseconds skew = seen.fileSystem == FileSystemKind::remote ? REMOTE_SKEW : nanoseconds(0);
  const nanoseconds step = stepOf(seen.state);
  auto hasRestedFor = [&](nanoseconds time) { return age >= time + skew || seen.unchangedFor >= time; };
  if (!hasRestedFor(step)) return Stability::hidden;
  if (seen.writers == Writers::some) return Stability::visible;
  const bool areNone = seen.writers == Writers::none && seen.fileSystem != FileSystemKind::remote;
  return areNone || hasRestedFor(std::max(settle, step)) ? Stability::settled : Stability::visible;
}

nanoseconds hiddenFor(const Stamp& stamp) {
  if (stamp.stability != Stability::hidden) return nanoseconds(0);
  const nanoseconds age(stamp.takenNs - lastChange(stamp.state, stamp.takenNs));
  return std::max(stepOf(stamp.state) - std::max(age, nanoseconds(0)), nanoseconds(0));
}

}  // namespace h5cap
