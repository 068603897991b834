// A file as one object, whoever has it open and by whatever path: its descriptor, its current version, and the one
// refresh that all who follow it share.
#pragma once

#include <kj/refcount.h>
#include <kj/timer.h>

#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <memory>

#include "server/base/shared-cache.h"
#include "server/executor/executor.h"
#include "server/planner-pool/planner-pool.h"
#include "server/versions/file-version.h"

namespace h5cap {

class ServedFiles;

// Belongs to the event loop's thread.
class ServedFile : public kj::Refcounted {
 public:
  ServedFile(ServedFiles& files, kj::Own<const SharedFile> file);
  ~ServedFile() noexcept(false);

  const FileId& id() const { return id_; }

  // Whether it has a descriptor: one that nobody has used for a while has given it up, and waits for `reopen`.
  bool isOpen() const { return file_ != nullptr; }

  // Takes a descriptor of this very file, unless it has one, and its time to settle where that is longer.
  void reopen(kj::Own<const SharedFile> file);

  // The version that is current: asks the file system on an executor thread.  Whoever asks before that has looked
  // shares what it finds; there is one refresh at a time.  The file is open, and is kept alive by the promise.
  // FileError.
  kj::Promise<kj::Own<FileVersion>> current();

  // The version that was current when somebody last looked, as long as it may be read again: nothing for one that was
  // not settled, and for a file that has rested.
  kj::Maybe<kj::Own<FileVersion>> latest();

 private:
  friend class ServedFiles;

  struct Refresh {
    kj::ForkedPromise<kj::Own<FileVersion>> version;
    std::shared_ptr<std::atomic<bool>> hasLooked;
    std::shared_ptr<bool> isDone;
  };

  // One look and what follows from it; through a descriptor of its own, should the file come to rest meanwhile.
  struct Look {
    kj::Own<const SharedFile> file;
    int attemptsLeft;
  };

  Look beginLook();
  kj::Promise<Stamp> stampOf(const SharedFile& file, std::shared_ptr<std::atomic<bool>> hasLooked);
  kj::Promise<kj::Own<FileVersion>> refresh(Look look, std::shared_ptr<std::atomic<bool>> hasLooked);
  kj::Promise<kj::Own<FileVersion>> versionOf(Look look, Stamp stamp);
  kj::Promise<kj::Own<FileVersion>> follow(Look look, Stamp stamp, FileVersion& before);
  kj::Promise<kj::Own<FileVersion>> anew(Look look, Stamp stamp);
  kj::Own<FileVersion> become(kj::Own<FileVersion> version);
  void forgetRefresh();
  bool tryRest();
  void rest();

  ServedFiles& files_;
  const FileId id_;
  kj::Maybe<kj::Own<const SharedFile>> file_;
  std::chrono::nanoseconds settle_;  // the longest of all exports it was found in
  kj::Maybe<kj::Own<FileVersion>> latest_;
  kj::Maybe<Refresh> refresh_;  // the last one that was begun
  kj::TimePoint lastUsed_;
  kj::Maybe<std::list<kj::Own<ServedFile>>::iterator> place_;  // among the open ones
};

struct ServedFilesOptions {
  // How long a file that nobody uses keeps its descriptor: until then a deleted one keeps its space, and its file
  // system cannot be unmounted.  What is known of the file stays.
  std::chrono::seconds idleTime{30};
};

// The files that are there, and their descriptors.
class ServedFiles {
 public:
  ServedFiles(PlannerPool& planners, Executor& executor, const SharedCache& memory, kj::Timer& timer,
              ServedFilesOptions options = {});
  KJ_DISALLOW_COPY(ServedFiles);

  // The right of `principal` to have one more file open.  When they have too many, the one of theirs that has not been
  // used for longest gives up its descriptor.  Busy when all of them are being read.
  StockLease descriptorFor(const Principal& principal);

  // The object of the file that `file` is a descriptor of.
  kj::Own<ServedFile> of(kj::Own<const SharedFile> file);

  std::size_t openCount() const { return open_.size(); }

 private:
  friend class ServedFile;
  std::string nameOf(const Stamp& stamp);
  void use(ServedFile& file);
  void remove(ServedFile& file);
  template <class IsWanted>
  bool closeOneOf(IsWanted&& isWanted);
  kj::Promise<void> sweep();

  PlannerPool& planners_;
  Executor& executor_;
  const SharedCache& memory_;
  kj::Timer& timer_;
  const ServedFilesOptions options_;
  std::uint64_t lastUnsettled_ = 0;
  std::map<FileId, ServedFile*> all_;    // those that anybody holds
  std::list<kj::Own<ServedFile>> open_;  // those with a descriptor, last used first
  kj::Promise<void> sweeping_;
};

}  // namespace h5cap
