// Which elements of a result have arrived, in whatever order they did.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace h5cap::detail {

// A run of elements, counted in C order.
struct ElementRun {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

class Parts {
 public:
  // Of a result of `total` elements; none of them is here.
  explicit Parts(std::uint64_t total) : total_(total) {}

  // These have arrived.  FileError (fileProblem) when some had before, or the result has no such elements; then nothing
  // has changed.
  void add(ElementRun run);

  std::uint64_t total() const { return total_; }
  bool isComplete() const { return here_ == total_; }

  // What is missing, in order.
  std::vector<ElementRun> gaps() const;

  // The first of them; only while something is missing.
  ElementRun firstGap() const;

 private:
  std::uint64_t total_;
  std::uint64_t here_ = 0;
  std::map<std::uint64_t, std::uint64_t> ends_;  // of the runs that are here, by their first elements; none touch
};

}  // namespace h5cap::detail
