// A file that is open for reading, and what has been seen of it.
#pragma once

#include <kj/io.h>
#include <kj/mutex.h>
#include <kj/refcount.h>

#include <chrono>
#include <optional>

#include "server/base/lane.h"
#include "server/base/principal.h"
#include "server/base/stamp.h"

namespace h5cap {

// Shared by everybody who reads through it, threads included: it is closed once nobody does any more.
class SharedFile : public kj::AtomicRefcounted {
 public:
  // `file` is open for reading only.  `settle`: see judge().  `lane` is that of its device.  Blocking.
  SharedFile(kj::AutoCloseFd file, std::chrono::nanoseconds settle, Lane lane)
      : file_(kj::mv(file)), id_(stateOf(file_).id), fileSystem_(fileSystemOf(file_)), lane_(std::move(lane)),
        seen_(Seen{settle, {}}) {}
  ~SharedFile() noexcept(false);  // closes it in its lane, where that may take long

  int get() const { return file_.get(); }
  const FileId& id() const { return id_; }
  FileSystemKind fileSystem() const { return fileSystem_; }

  // Where to do whatever touches the file.
  const Lane& lane() const { return lane_; }

  // Whether the event loop itself may ask for its state.
  bool answersAtOnce() const { return lane_.rule() == LaneRule::byType && h5cap::answersAtOnce(fileSystem_); }

  // The time it takes to settle.
  std::chrono::nanoseconds settle() const { return seen_.lockShared()->settle; }

  // Lets it take at least as long from here on, and what has settled sooner settle again: the file was found where that
  // is the rule, too.
  void settleNoSooner(std::chrono::nanoseconds settle) const;

  // How it looks now: blocking.  Throws FileError.
  Stamp look() const;

  // Who pays for the descriptor, from here on.  Not while other threads may ask.
  void charge(PrincipalId principal, StockLease lease) {
    chargedTo_ = principal;
    lease_ = std::move(lease);
  }
  PrincipalId chargedTo() const { return chargedTo_; }

 private:
  struct Phase {
    FileState state;
    std::chrono::steady_clock::time_point first;  // when it was first seen to be so
    Stability stability = Stability::hidden;      // as far as that was known the last time
  };
  struct Seen {
    std::chrono::nanoseconds settle;
    std::optional<Phase> last;
  };

  kj::AutoCloseFd file_;
  const FileId id_;
  const FileSystemKind fileSystem_;
  const Lane lane_;
  kj::MutexGuarded<Seen> seen_;
  PrincipalId chargedTo_{};
  StockLease lease_;
};

}  // namespace h5cap
