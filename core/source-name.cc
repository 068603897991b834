#include "core/source-name.h"

namespace h5cap {

bool hasBlockNumber(const std::string& pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    if (pattern[i + 1] == 'b') return true;
    ++i;
  }
  return false;
}

std::string sourceName(const std::string& pattern, std::uint64_t block) {
  std::string name;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escapes = pattern[i] == '%' && i + 1 < pattern.size();
    if (escapes && pattern[i + 1] == 'b') {
      name += std::to_string(block);
      ++i;
    } else {
      name += pattern[i];
      if (escapes && pattern[i + 1] == '%') ++i;
    }
  }
  return name;
}

}  // namespace h5cap
