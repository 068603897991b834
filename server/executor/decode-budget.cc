#include "server/executor/decode-budget.h"

#include <algorithm>
#include <string>

#include "h5cap/error.h"

namespace h5cap {

DecodeBudget::Lease DecodeBudget::take(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  auto place = waiting_.insert(waiting_.end(), 0);
  const bool hasRoom = changed_.wait_for(lock, patience_, [&] {
    return place == waiting_.begin() && (used_ == 0 || (bytes <= total_ && used_ <= total_ - bytes));
  });
  waiting_.erase(place);
  if (hasRoom) {
    used_ += bytes;
    peak_ = std::max(peak_, used_);
  }
  lock.unlock();
  changed_.notify_all();  // it is the next one's turn
  if (!hasRoom) {
    throw Busy("decoding takes " + std::to_string(bytes) + " bytes, and other chunks have the memory for it");
  }
  return Lease(*this, bytes);
}

std::uint64_t DecodeBudget::peak() const {
  std::lock_guard lock(mutex_);
  return peak_;
}

void DecodeBudget::giveBack(std::uint64_t bytes) {
  {
    std::lock_guard lock(mutex_);
    used_ -= bytes;
  }
  changed_.notify_all();
}

}  // namespace h5cap
