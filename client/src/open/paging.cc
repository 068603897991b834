#include "client/src/open/paging.h"

#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr std::size_t MAX_CURSOR_BYTES = 128 << 10;  // names are cursors, and longer than any that HDF5 has

}  // namespace

void Paging::take(std::uint64_t items, std::uint64_t bytes, Bytes next) {
  auto refuse = [&](const char* why, ErrorCode code) {
    throw FileError(what_ + ": the server's list " + why, code);
  };
  if (items > PAGE) refuse("has more on a page than was asked for", ErrorCode::fileProblem);
  items_ += items;
  bytes_ += bytes + next.size();
  if (items_ > limits_.items || bytes_ > limits_.bytes) refuse("is too long", ErrorCode::tooLarge);
  cursor_ = std::move(next);
  isAtEnd_ = cursor_.empty();
  if (isAtEnd_) return;
  if (items == 0) refuse("goes on, and brings nothing", ErrorCode::fileProblem);
  if (cursor_.size() > MAX_CURSOR_BYTES) refuse("goes on with what is no cursor", ErrorCode::fileProblem);
  if (!earlier_.insert(cursor_).second) refuse("goes in a circle", ErrorCode::fileProblem);
}

}  // namespace h5cap::detail
