#include "server/base/shared-cache.h"

namespace h5cap {

namespace {

constexpr std::uint64_t ENTRY_BYTES = 256;  // of list, index and allocations

}  // namespace

void SharedCache::Shelf::drop(std::list<Entry>::iterator entry, std::list<Entry>& dropped) {
  index.erase(entry->key);
  bytes -= entry->bytes;
  dropped.splice(dropped.end(), entries, entry);
}

void SharedCache::Shelf::shrinkTo(std::uint64_t limit, std::list<Entry>& dropped) {
  while (bytes > limit) drop(std::prev(entries.end()), dropped);
}

std::shared_ptr<const void> SharedCache::findAny(Kind kind, const std::string& key) const {
  auto shelves = shelves_.lockExclusive();
  Shelf& shelf = shelves->of(kind);
  auto found = shelf.index.find(key);
  if (found == shelf.index.end()) return nullptr;
  shelf.entries.splice(shelf.entries.begin(), shelf.entries, found->second);
  return found->second->value;
}

void SharedCache::put(Kind kind, std::string key, std::shared_ptr<const void> value, std::uint64_t bytes) const {
  bytes += key.capacity() + ENTRY_BYTES;
  const std::uint64_t most = kind == Kind::elements ? elementBytes_ : mostKnowledge();
  std::list<Entry> dropped;  // destroyed after the lock is released
  auto shelves = shelves_.lockExclusive();
  Shelf& shelf = shelves->of(kind);
  auto known = shelf.index.find(key);
  if (known != shelf.index.end()) shelf.drop(known->second, dropped);
  if (bytes > most) return;
  shelf.entries.push_front(Entry{std::move(key), std::move(value), bytes});
  shelf.index.emplace(shelf.entries.front().key, shelf.entries.begin());
  shelf.bytes += bytes;
  // Knowledge is worth more than elements: what a planner needs milliseconds for takes a kilobyte.
  shelves->knowledge.shrinkTo(mostKnowledge(), dropped);
  shelves->elements.shrinkTo(std::min(elementBytes_, capacity() - shelves->knowledge.bytes), dropped);
}

void SharedCache::drop(Kind kind, const std::string& key) const {
  std::list<Entry> dropped;  // destroyed after the lock is released
  auto shelves = shelves_.lockExclusive();
  Shelf& shelf = shelves->of(kind);
  auto known = shelf.index.find(key);
  if (known != shelf.index.end()) shelf.drop(known->second, dropped);
}

std::uint64_t SharedCache::used(Kind kind) const { return shelves_.lockShared()->of(kind).bytes; }

}  // namespace h5cap
