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
#include "server/base/stock.h"

namespace h5cap {

class OpenFile;

// Of one open file in one session.  What a name means is looked up again when the file behind it has changed, and
// otherwise after a moment: a source that is replaced is noticed at once, a symbolic link on the way to it a little
// later.
class SourceFiles {
 public:
  // `memory`: whose share pays for what is kept.  Both outlive it.
  SourceFiles(kj::Timer& timer, const Share& memory) : timer_(timer), memory_(memory) {}
  KJ_DISALLOW_COPY(SourceFiles);

  // The file that `name` means, seen from `from`, whose sources these are; nothing when it does not exist.  Whether
  // the session may open it is asked whenever it is looked up.  Denied, FileError.
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
    StockLease memory;
  };
  using Place = std::list<Source>::iterator;

  // By the patterns of its names.
  struct Series {
    std::string file, dataset;
    friend auto operator<=>(const Series&, const Series&) = default;
  };
  struct Blocks {
    std::uint64_t count;
    StockLease memory;
  };

  Place find(const std::string& name);
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> lookUp(OpenFile& from, std::string name);
  kj::Own<OpenFile> keep(std::string name, kj::Own<OpenFile> file);

  kj::Timer& timer_;
  const Share& memory_;
  std::list<Source> sources_;  // last used first
  std::map<Series, Blocks> blocks_;
};

}  // namespace h5cap
