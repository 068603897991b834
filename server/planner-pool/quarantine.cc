#include "server/planner-pool/quarantine.h"

#include <algorithm>

#include "core/wire.h"

namespace h5cap {

namespace {

constexpr std::size_t MAX_ENTRIES = 10'000;  // a hostile file has no end of questions

}  // namespace

void Quarantine::add(const std::string& question, const ErrorText& error) {
  forgetOld();
  if (entries_.size() >= MAX_ENTRIES) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](auto& a, auto& b) { return a.second.until < b.second.until; }));
  }
  entries_.insert_or_assign(question, Entry{timer_.now() + time_, error});
}

void Quarantine::check(const std::string& question) {
  auto found = entries_.find(question);
  if (found == entries_.end()) return;
  if (found->second.until <= timer_.now()) {
    entries_.erase(found);
    return;
  }
  std::uint64_t seconds = (found->second.until - timer_.now()) / kj::SECONDS + 1;
  throw wire::toKj(found->second.error.code, found->second.error.message + "; refused without trying for another " +
                                                 std::to_string(seconds) + " s");
}

void Quarantine::forgetOld() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->second.until <= timer_.now() ? entries_.erase(entry) : std::next(entry);
  }
}

}  // namespace h5cap
