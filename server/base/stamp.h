// What a file looks like from outside at one moment, and what that is worth.
//
// A stamp is the file's size and times.  It tells one state of a file from another only as well as the file system's
// clock does: time stamps count in ticks of some milliseconds or in whole seconds, and one long write sets them when it
// begins.  So a stamp says how much may still hide behind it, and what is read under it is kept only as far as that
// allows.
#pragma once

#include <chrono>
#include <cstdint>

#include "h5cap/node.h"

namespace h5cap {

struct FileId {
  std::uint64_t device = 0, inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

// What tells one state of a file from another.
struct FileState {
  FileId id;
  std::uint64_t size = 0;
  std::int64_t modifiedNs = 0, changedNs = 0;  // since 1970
  friend bool operator==(const FileState&, const FileState&) = default;

  Version version() const;  // opaque bytes
};

// fstat: blocking.  Throws FileError.
FileState stateOf(int file);

enum class Stability {
  hidden,   // a further change may leave the stamp as it is
  visible,  // a change that begins later shows; one that began before may still be going on
  settled,  // and none is going on: what is read under this stamp is what any later read under it finds
};

struct Stamp {
  Stamp(const FileState& state, std::int64_t takenNs, Stability stability)
      : state(state), takenNs(takenNs), stability(stability) {}

  FileState state;
  std::int64_t takenNs;  // since 1970, by our clock; just before `state` was asked for
  Stability stability;
};

// Whether anybody has a file open for writing or mapped writable, as far as the kernel tells.
enum class Writers { none, some, unknown };

// Asks the kernel by taking a lease and giving it back at once (F_SETLEASE; the file's owner, or CAP_LEASE, on local
// file systems; `unknown` elsewhere).  `file` is open for reading only.  A writer that opens the file in these
// microseconds waits for them.  SIGIO, which the kernel then sends, is ignored from the first call on.
Writers writersOf(int file);

// Whether times of a file system are this machine's own.
enum class FileSystemKind {
  local,
  memory,   // tmpfs: they are, and stores through a memory map leave them as they were
  stacked,  // overlayfs: they are, and what lies below may be anywhere
  remote,
};

// Whether asking about an open file takes no longer than a call: nothing behind it that may hang.
inline bool answersAtOnce(FileSystemKind kind) {
  return kind == FileSystemKind::local || kind == FileSystemKind::memory;
}
FileSystemKind fileSystemOf(int file);

// What a stamp is judged by.
struct Observation {
  FileState state;
  std::int64_t takenNs = 0;
  std::chrono::nanoseconds unchangedFor{0};  // how long ago it was first seen to be in this state, by a steady clock
  Writers writers = Writers::unknown;
  FileSystemKind fileSystem = FileSystemKind::remote;
};

// `settle`: how long after its last change a file counts as complete, where the kernel cannot tell about writers.
//
// A change shows when the file system's clock has moved on by a step since the last one.  Steps are taken to be 20 ms,
// or 2 s where the times look as if they counted in milliseconds or more.  Clocks of remote file systems may be wrong
// by a minute: younger files are believed after they have been seen unchanged for long enough.
Stability judge(const Observation& seen, std::chrono::nanoseconds settle);

// How long until `judge` may find that a state shows later changes, by the clock alone; zero when it does.
std::chrono::nanoseconds hiddenFor(const Stamp& stamp);

}  // namespace h5cap
