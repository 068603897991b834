// One element that comes in parts, since it is larger than a reply: its bytes, with those of its heap behind them.
#pragma once

#include <cstdint>

#include "client/src/reading/reply.h"
#include "h5cap/data-type.h"

namespace h5cap::detail {

class ElementAssembly {
 public:
  // Of element `element` of what was asked for; nothing of it is here.
  ElementAssembly(const DataType& type, std::uint64_t element);

  // The next part of it.  FileError (fileProblem) when it is another one, or of another size than those before; then
  // nothing has changed.  What has a heap is kept here until it is whole; of anything else a part may be placed at
  // once.
  void take(const PartRun& part);

  std::uint64_t nextByte() const { return next_; }
  bool isWhole() const { return next_ > 0 && next_ == total_; }

  // All of an element that has a heap, once it is whole.  Refers to this.
  PackedRun whole() const;

 private:
  std::uint64_t element_;
  std::uint64_t elementBytes_;
  bool hasHeap_;
  std::uint64_t next_ = 0, total_ = 0;  // zero: not said yet
  Bytes bytes_;
};

}  // namespace h5cap::detail
