#include "server/executor/decode-budget.h"

#include <algorithm>
#include <string>

#include "h5cap/error.h"

namespace h5cap {

DecodeBudget::Lease DecodeBudget::take(std::uint64_t bytes) {
  bool hasRoom = false;
  {
    auto use = use_.lock();
    auto place = use->waiting.insert(use->waiting.end(), 0);
    hasRoom = use.waitFor(changed_, patience_, [&] {
      return place == use->waiting.begin() && (use->used == 0 || (bytes <= total_ && use->used <= total_ - bytes));
    });
    use->waiting.erase(place);
    if (hasRoom) {
      use->used += bytes;
      use->peak = std::max(use->peak, use->used);
    }
  }
  changed_.notify_all();  // it is the next one's turn
  if (!hasRoom) {
    throw Busy("decoding takes " + std::to_string(bytes) + " bytes, and other chunks have the memory for it");
  }
  return Lease(*this, bytes);
}

std::uint64_t DecodeBudget::peak() { return use_.lock()->peak; }

void DecodeBudget::giveBack(std::uint64_t bytes) {
  use_.lock()->used -= bytes;
  changed_.notify_all();
}

}  // namespace h5cap
