// The files behind the sources of virtual datasets, kept open between reads.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/base/stamp.h"
#include "server/base/stock.h"

namespace h5cap {

class OpenFile;

// What the name of a source, or of a raw file, was seen to mean: hashes of both.
struct SeenSource {
  std::uint64_t name = 0, meaning = 0;
};
inline constexpr std::uint64_t absentSource = 0;  // a meaning
std::uint64_t nameOfSource(const OpenFile& from, const std::string& file);
std::uint64_t meaningOf(const FileState& state);
std::uint64_t meaningOf(const FileId& id);

// Of one open file in one session.  What a name means is looked up again when the file behind it has changed, and
// otherwise after a moment: a source that is replaced is noticed at once, a symbolic link on the way to it a little
// later.
class SourceFiles {
 public:
  // `memory`: whose share pays for what is kept.  Both outlive it.
  SourceFiles(kj::Timer& timer, const Share& memory);
  KJ_DISALLOW_COPY(SourceFiles);

  // The file that `name` means, seen from `from`, whose sources these are; nothing when it does not exist.  Whether
  // the session may open it is asked whenever it is looked up.  Denied, FileError.
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> get(OpenFile& from, std::string name);

  // The version of what reads are made of besides the file itself, once one of them has seen `seen`: opaque bytes,
  // others from the moment on when anything that was seen before means something else.
  Bytes versionWith(std::span<const SeenSource> seen);

  // Looks at all sources that are kept once more, and at theirs, whatever was looked at a moment ago.  Denied,
  // FileError.
  kj::Promise<std::vector<SeenSource>> lookAgain(OpenFile& from, int depthLeft);

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
  struct Meanings {
    std::unordered_map<std::uint64_t, std::uint64_t> ofNames;
    std::list<StockLease> memory;
    std::uint64_t room = 0;  // entries that it was taken for
  };

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
  void forget(Place place);
  bool makeRoom();
  class LookAgain;
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> lookUp(OpenFile& from, std::string name);
  kj::Own<OpenFile> keep(std::string name, kj::Own<OpenFile> file);

  kj::Timer& timer_;
  const Share& memory_;
  std::list<Source> sources_;  // last used first
  std::unordered_map<std::string, Place> places_;
  Meanings meanings_;
  const std::uint64_t origin_;  // tells versions of these from all others
  std::uint64_t changes_ = 0;   // of what was seen
  std::map<Series, Blocks> blocks_;
};

}  // namespace h5cap
