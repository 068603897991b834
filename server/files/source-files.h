// The files behind the sources of virtual datasets, kept open between reads.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <string>

#include "server/base/stamp.h"

namespace h5cap {

class OpenFile;

// Of one open file in one session.  What a name means is looked up again when the file behind it has changed, and
// otherwise after a moment: a source that is replaced is noticed at once, a symbolic link on the way to it a little
// later.
class SourceFiles {
 public:
  explicit SourceFiles(kj::Timer& timer) : timer_(timer) {}
  KJ_DISALLOW_COPY(SourceFiles);

  // The file that `name` means, seen from `from`, whose sources these are; nothing when it does not exist.  The session
  // is authorised each time.  Denied, FileError.
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> get(OpenFile& from, std::string name);

  // How many blocks of a series, given by the patterns of its names, were there when somebody last counted; zero at
  // first.
  std::uint64_t knownBlocks(const std::string& file, const std::string& dataset) const;
  void rememberBlocks(const std::string& file, const std::string& dataset, std::uint64_t count);

 private:
  struct Source {
    std::string name;
    kj::Own<OpenFile> file;
    FileState state;        // when it was last looked up
    kj::TimePoint checked;  // then, or when somebody else began to
  };
  using Place = std::list<Source>::iterator;

  // By the patterns of its names.
  struct Series {
    std::string file, dataset;
    friend auto operator<=>(const Series&, const Series&) = default;
  };

  Place find(const std::string& name);
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> lookUp(OpenFile& from, std::string name);
  kj::Own<OpenFile> keep(std::string name, kj::Own<OpenFile> file);

  kj::Timer& timer_;
  std::list<Source> sources_;  // last used first
  std::map<Series, std::uint64_t> blocks_;
};

}  // namespace h5cap
