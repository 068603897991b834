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

class FileVersion;
class OpenFile;

enum class IsThere { no, yes };

// Something that a read was made of, as it was seen: whether a name of a source leads anywhere, which state a file is
// in.  Hashes of what and how.
struct SeenSource {
  std::uint64_t what = 0, how = 0;
};
SeenSource seenName(const OpenFile& from, const std::string& name, IsThere isThere);
SeenSource seenFile(OpenFile& file, FileVersion& version);  // whose info() is known
SeenSource seenRawFile(const std::string& path, const FileState& state);
SeenSource seenGone(const std::string& path);  // of any kind

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

  // The version of what reads of a dataset are made of besides the file itself, once one of them has seen `seen`:
  // opaque bytes, others from the moment on when anything that was seen before is otherwise.  Busy: no memory to know
  // it by.
  Bytes versionWith(ObjectId dataset, std::span<const SeenSource> seen);

  // Whether it is this file that is kept by the name.
  bool isKept(const std::string& name, OpenFile& file);

  // The names of all sources that are kept.
  std::vector<std::string> keptNames() const;

  // Has lookAgain look at a file that reads are made of and that is not kept: behind an external link in a source, or
  // an external raw file.  `path` in the exports.
  enum class Behind { link, rawStorage };
  void remember(Behind behind, const std::string& path);

  // Looks once more at those of `names` that are kept, at their sources, and at what was remembered, whatever was
  // looked at a moment ago.  Denied, FileError.
  kj::Promise<std::vector<SeenSource>> lookAgain(OpenFile& from, std::vector<std::string> names, int depthLeft);

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
  // What reads of one dataset have seen, and in which epoch last.  An epoch ends when something that was seen in it is
  // otherwise: then no read that began in it can go on.  What was seen in earlier ones only may have changed since.
  struct Look {
    std::uint64_t how = 0, epoch = 0;
  };
  struct Seen {
    std::unordered_map<std::uint64_t, Look> looks;
    std::uint64_t epoch = 0;
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
  struct Remembered {
    Behind behind;
    StockLease memory;
  };
  Look& lookOf(Seen& seen, std::uint64_t what);
  class LookAgain;
  kj::Promise<kj::Maybe<kj::Own<OpenFile>>> lookUp(OpenFile& from, std::string name);
  kj::Own<OpenFile> keep(std::string name, kj::Own<OpenFile> file);

  kj::Timer& timer_;
  const Share& memory_;
  std::list<Source> sources_;  // last used first
  std::unordered_map<std::string, Place> places_;
  std::map<ObjectId, Seen> seen_;
  std::map<std::string, Remembered> remembered_;  // by path
  const std::uint64_t origin_;  // tells versions of these from all others
  std::map<Series, Blocks> blocks_;
};

}  // namespace h5cap
