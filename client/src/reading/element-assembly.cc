#include "client/src/reading/element-assembly.h"

#include <string>

#include "core/checked-size.h"
#include "h5cap/error.h"

namespace h5cap::detail {

ElementAssembly::ElementAssembly(const DataType& type, std::uint64_t element)
    : element_(element), elementBytes_(type.size()), hasHeap_(type.hasVariable()) {}

void ElementAssembly::take(const PartRun& part) {
  const bool isNext = part.element == element_ && part.first == next_ && (next_ == 0 || part.total == total_);
  const bool hasSize = hasHeap_ ? part.total >= elementBytes_ : part.total == elementBytes_;
  if (!isNext || !hasSize || part.bytes.empty() || !isWithin(part.first, part.bytes.size(), part.total)) {
    throw FileError("the server sent bytes from " + std::to_string(part.first) + " on of the " +
                        std::to_string(part.total) + " of element " + std::to_string(part.element) + ", after " +
                        std::to_string(next_) + " of element " + std::to_string(element_),
                    ErrorCode::fileProblem);
  }
  if (hasHeap_) {
    // Address space for all of it: memory is taken as bytes come.
    if (bytes_.capacity() < part.total) bytes_.reserve(part.total);
    bytes_.insert(bytes_.end(), part.bytes.begin(), part.bytes.end());
  }
  total_ = part.total;
  next_ += part.bytes.size();
}

PackedRun ElementAssembly::whole() const {
  const std::span<const std::byte> all(bytes_);
  return {{element_, 1}, all.first(elementBytes_), all.subspan(elementBytes_)};
}

}  // namespace h5cap::detail
