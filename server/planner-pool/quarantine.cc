#include "server/planner-pool/quarantine.h"

#include <algorithm>

#include "core/wire.h"

namespace h5cap {

namespace {

constexpr std::size_t MAX_BYTES = 4 << 20;  // a hostile file has no end of questions, and they may be long
constexpr std::size_t ENTRY_BYTES = 256;

}  // namespace

void Quarantine::add(const std::string& question, const ErrorText& error) {
  forgetOld();
  forget(entries_.find(question));
  const std::size_t bytes = question.size() + error.message.size() + ENTRY_BYTES;
  if (bytes > MAX_BYTES) return;
  while (bytes_ + bytes > MAX_BYTES)
    forget(std::min_element(entries_.begin(), entries_.end(),
                            [](auto& a, auto& b) { return a.second.until < b.second.until; }));
  entries_.emplace(question, Entry{timer_.now() + time_, error, bytes});
  bytes_ += bytes;
}

Quarantine::Entries::iterator Quarantine::forget(Entries::iterator entry) {
  if (entry == entries_.end()) return entry;
  bytes_ -= entry->second.bytes;
  return entries_.erase(entry);
}

void Quarantine::check(const std::string& question) {
  auto found = entries_.find(question);
  if (found == entries_.end()) return;
  if (found->second.until <= timer_.now()) {
    forget(found);
    return;
  }
  std::uint64_t seconds = (found->second.until - timer_.now()) / kj::SECONDS + 1;
  throw wire::toKj(found->second.error.code, found->second.error.message + "; refused without trying for another " +
                                                 std::to_string(seconds) + " s");
}

void Quarantine::forgetOld() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->second.until <= timer_.now() ? forget(entry) : std::next(entry);
  }
}

}  // namespace h5cap
