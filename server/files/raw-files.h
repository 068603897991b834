// External raw files, opened for one read.
#pragma once

#include <kj/async.h>
#include <kj/io.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/storage.h"
#include "server/files/open-file.h"

namespace h5cap {

// Descriptors of the slots that are read, and how the files were then.
class RawFiles {
 public:
  explicit RawFiles(std::size_t slots) : ofSlot_(slots, -1) {}

  // -1 for a slot that was not opened.
  const std::vector<int>& ofSlot() const { return ofSlot_; }

  // `work` on them, for as long as all of them may be read: Denied, and dropped, when that ends.
  template <class T>
  kj::Promise<T> during(kj::Timer& timer, kj::Promise<T> work) const {
    for (const File& one : files_) work = one.grant.during(timer, one.path, kj::mv(work));
    return work;
  }

  // The path of each in the exports, and how it was when it was opened.
  std::vector<std::pair<std::string, FileState>> opened() const;

  // Whether all of them are as they were when they were opened: blocking.
  bool areUnchanged() const;

  // Where to read them: a lane of its own where they lie on several devices.  Nothing when there are none.
  std::optional<Lane> lane() const;

  void add(kj::Own<Opened> file, const std::vector<std::size_t>& slots);

 private:
  struct File {
    kj::Own<const SharedFile> file;
    FileState state;  // when it was opened
    Grant grant;
    std::string path;
  };
  std::vector<File> files_;
  std::vector<int> ofSlot_;
};

// Opens the files of `slots`, each once, as the session of `from`, which names them; for the thread that reads them.  A
// name that leads out of what is served is Denied, a file that is absent where it is looked for a FileError
// (fileProblem) with its name.
kj::Promise<std::shared_ptr<RawFiles>> openRawFiles(NodePlace place, const ExternalStorage& storage,
                                                    const std::set<std::size_t>& slots);

}  // namespace h5cap
