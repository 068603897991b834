// Answers to questions, the least recently used out first; a question that is being asked is waited for, not asked twice.
#pragma once

#include <kj/async.h>

#include <list>
#include <map>
#include <memory>
#include <utility>

namespace h5cap {

// Belongs to the event loop's thread.  What fails is not remembered.
template <class Key, class Value>
class BoundedCache {
 public:
  using Shared = std::shared_ptr<const Value>;

  explicit BoundedCache(std::size_t maxEntries) : maxEntries_(maxEntries) {}

  // The cache must outlive the promise.
  template <class Ask>
  kj::Promise<Shared> get(const Key& key, Ask&& ask) {
    auto found = index_.find(key);
    if (found == index_.end()) {
      entries_.emplace_front(key, kj::Promise<Shared>(ask()).fork());
      found = index_.emplace(key, entries_.begin()).first;
      if (entries_.size() > maxEntries_) {
        index_.erase(entries_.back().first);
        entries_.pop_back();
      }
    } else {
      entries_.splice(entries_.begin(), entries_, found->second);
    }
    return found->second->second.addBranch().catch_([this, key](kj::Exception&& problem) -> Shared {
      forget(key);
      kj::throwFatalException(kj::mv(problem));
    });
  }

 private:
  using Entries = std::list<std::pair<Key, kj::ForkedPromise<Shared>>>;

  void forget(const Key& key) {
    auto found = index_.find(key);
    if (found == index_.end()) return;
    entries_.erase(found->second);
    index_.erase(found);
  }

  std::size_t maxEntries_;
  Entries entries_;
  std::map<Key, typename Entries::iterator> index_;
};

}  // namespace h5cap
