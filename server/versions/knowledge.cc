#include "server/versions/knowledge.h"

namespace h5cap {

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
