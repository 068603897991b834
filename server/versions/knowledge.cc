#include "server/versions/knowledge.h"

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

// Answers that nobody fetched would stay as long as the version does.
void Knowledge::forgetDone() {
  std::erase_if(asking_, [](const auto& one) { return *one.second.isDone; });
}

}  // namespace h5cap
