// Memory of what may be needed again, in one budget of bytes.
#pragma once

#include <kj/mutex.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace h5cap {

// Values by key, the least recently used out first; safe from all threads.  What is counted is all that an entry holds:
// the value as its owner counts it, the key, and the entry itself.
//
// Elements (decoded chunks) and knowledge (what planners said of files) have lists of their own, so that a stream of
// the ones does not wash the others away.  Knowledge may take an eighth of the budget, and always `knowledgeFloor`;
// elements what that leaves.
class SharedCache {
 public:
  enum class Kind { elements, knowledge };

  // For knowledge, whatever the budget: a server that forgets the plan of each read before the next one plans all day.
  static constexpr std::uint64_t knowledgeFloor = 8 << 20;

  explicit SharedCache(std::uint64_t elementBytes) : elementBytes_(elementBytes) {}
  KJ_DISALLOW_COPY(SharedCache);

  // Null when there is none.  A key always stands for values of one type.
  template <class Value>
  std::shared_ptr<const Value> find(Kind kind, const std::string& key) const {
    return std::static_pointer_cast<const Value>(findAny(kind, key));
  }

  // Keeps `value`, of `bytes`, in place of what the key stood for.  What is too large for the budget is not kept.
  void put(Kind kind, std::string key, std::shared_ptr<const void> value, std::uint64_t bytes) const;

  void drop(Kind kind, const std::string& key) const;

  // Of elements and of both; and what both may take together.
  std::uint64_t elementBytes() const { return elementBytes_; }
  std::uint64_t used() const { return used(Kind::elements) + used(Kind::knowledge); }
  std::uint64_t used(Kind kind) const;
  std::uint64_t capacity() const { return elementBytes_ + knowledgeFloor; }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const void> value;
    std::uint64_t bytes;
  };
  struct Shelf {
    std::list<Entry> entries;  // last used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index;  // by the entries' own keys
    std::uint64_t bytes = 0;

    void drop(std::list<Entry>::iterator entry, std::list<Entry>& dropped);
    void shrinkTo(std::uint64_t limit, std::list<Entry>& dropped);
  };
  struct Shelves {
    Shelf elements, knowledge;
    Shelf& of(Kind kind) { return kind == Kind::elements ? elements : knowledge; }
    const Shelf& of(Kind kind) const { return kind == Kind::elements ? elements : knowledge; }
  };

  std::uint64_t mostKnowledge() const { return std::max(capacity() / 8, knowledgeFloor); }
  std::shared_ptr<const void> findAny(Kind kind, const std::string& key) const;

  const std::uint64_t elementBytes_;
  kj::MutexGuarded<Shelves> shelves_;
};

}  // namespace h5cap
