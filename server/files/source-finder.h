// Datasets behind the mappings of a virtual dataset.
#pragma once

#include <kj/async.h>

#include <list>
#include <string>

#include "server/files/link-follower.h"

namespace h5cap {

// A source: a dataset, or how it is listed as missing, by its file and, where only that is absent, by its dataset.
struct FoundSource {
  kj::Maybe<FoundNode> node;
  std::string missing;
  kj::Maybe<kj::Own<OpenFile>> file;  // that lacks the dataset
};

// For one operation on one virtual dataset: a source is looked up once for mappings that follow each other, and few of
// them are held at a time, since each holds its file open.
class SourceFinder {
 public:
  // `place` is the virtual dataset's.
  explicit SourceFinder(NodePlace place) : place_(kj::mv(place)) {}
  KJ_DISALLOW_COPY(SourceFinder);

  // The dataset of a mapping, opened and authorised for the session; missing when the file, or a dataset of that name
  // in it, is absent.  Names are not patterns.  Denied, FileError.  The finder outlives the promise.
  kj::Promise<FoundSource> find(const std::string& file, const std::string& dataset);

 private:
  struct Shared : public kj::Refcounted {
    explicit Shared(FoundSource source) : source(kj::mv(source)) {}
    kj::Own<Shared> addRef() { return kj::addRef(*this); }
    FoundSource source;
  };
  struct Known {
    std::string file, dataset;
    kj::ForkedPromise<kj::Own<Shared>> node;
  };

  kj::Promise<FoundSource> lookUp(const std::string& file, const std::string& dataset);

  NodePlace place_;
  std::list<Known> known_;  // last used first
};

}  // namespace h5cap
