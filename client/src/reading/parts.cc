#include "client/src/reading/parts.h"

#include <string>

#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

[[noreturn]] void wrong(ElementRun run, const std::string& what) {
  throw FileError("the server sent " + std::to_string(run.count) + " elements from " + std::to_string(run.first) +
                      " on, " + what,
                  ErrorCode::fileProblem);
}

}  // namespace

void Parts::add(ElementRun run) {
  if (run.first > total_ || run.count > total_ - run.first)
    wrong(run, "where there are " + std::to_string(total_));
  if (run.count == 0) return;
  auto end = run.first + run.count;
  auto after = ends_.upper_bound(run.first);
  if (after != ends_.end() && after->first < end) wrong(run, "some of them for the second time");
  auto before = after == ends_.begin() ? ends_.end() : std::prev(after);
  if (before != ends_.end() && before->second > run.first) wrong(run, "some of them for the second time");
  here_ += run.count;
  if (after != ends_.end() && after->first == end) {
    end = after->second;
    ends_.erase(after);
  }
  if (before != ends_.end() && before->second == run.first) {
    before->second = end;
  } else {
    ends_.emplace(run.first, end);
  }
}

std::vector<ElementRun> Parts::gaps() const {
  std::vector<ElementRun> gaps;
  std::uint64_t at = 0;
  for (auto [first, end] : ends_) {
    if (first > at) gaps.push_back({at, first - at});
    at = end;
  }
  if (at < total_) gaps.push_back({at, total_ - at});
  return gaps;
}

ElementRun Parts::firstGap() const {
  const bool beginsHere = !ends_.empty() && ends_.begin()->first == 0;
  const std::uint64_t first = beginsHere ? ends_.begin()->second : 0;
  auto next = beginsHere ? std::next(ends_.begin()) : ends_.begin();
  return {first, (next == ends_.end() ? total_ : next->first) - first};
}

}  // namespace h5cap::detail
