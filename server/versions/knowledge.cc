#include "server/versions/knowledge.h"

#include <algorithm>

namespace h5cap {
namespace {

constexpr std::uint64_t detailBytes = 96;  // of a set's entry

}  // namespace

Knowledge::~Knowledge() noexcept {
  for (const std::string& key : ofThis_) memory_.drop(SharedCache::Kind::knowledge, key);
}

void Knowledge::keep(Topic topic, const std::string& detail, std::shared_ptr<const void> value, std::uint64_t bytes) {
  if (detail.size() > longestDetail) return;
  std::string key = keyOf(topic, detail);
  if (lifetime_ == Lifetime::ofThis) {
    ofThis_.insert(key);
    bytes += key.size() + detailBytes;
  }
  memory_.put(SharedCache::Kind::knowledge, std::move(key), std::move(value), bytes);
}

std::string Knowledge::keyOf(Topic topic, const std::string& detail) const {
  std::string key;
  key.reserve(version_.size() + 1 + detail.size());
  key += version_;
  key += static_cast<char>(topic);
  key += detail;
  return key;
}

// Dropping the result ends the waiting.
kj::Own<void> Knowledge::waitFor(const std::string& key) {
  Asking& asking = asking_.at(key);
  ++asking.waiting;
  return kj::heap(kj::defer([this, key, id = asking.id] { stopWaiting(key, id); }));
}

void Knowledge::stopWaiting(const std::string& key, std::uint64_t id) {
  auto found = asking_.find(key);
  if (found == asking_.end() || found->second.id != id || --found->second.waiting > 0) return;
  const auto unwanted = std::count_if(asking_.begin(), asking_.end(), [](const auto& one) {
    return one.second.waiting == 0 && !*one.second.isDone;
  });
  const bool isOneOfMany = unwanted > static_cast<std::ptrdiff_t>(mostUnwanted);
  if (*found->second.isDone || isOneOfMany || key.size() > version_.size() + 1 + longestDetail) asking_.erase(found);
}

// Answers that nobody fetched would stay as long as the version does.
void Knowledge::forgetDone() {
  std::erase_if(asking_, [](const auto& one) { return *one.second.isDone; });
}

}  // namespace h5cap
