// Some fields of a compound, packed as a compound of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "h5cap/node.h"

namespace h5cap {

// Consecutive bytes of one packed element.
struct ByteRange {
  std::uint64_t first = 0, count = 0;
  friend bool operator==(ByteRange a, ByteRange b) { return a.first == b.first && a.count == b.count; }
};

class FieldPicker {
 public:
  // Throws BadType when `compound` is none, BadSelection for a name that it does not have or that is given twice,
  // FileError for fields outside of their compound, or that together are larger.
  FieldPicker(const DataType& compound, const std::vector<std::string>& names);

  // The fields in the order of their names, without padding.
  const DataType& type() const { return type_; }

  // From whole packed elements to `target`, which holds as many of `type()`.  Places are copied as they are: what they
  // need of the heap, Heap::append takes.
  void pick(std::span<const std::byte> elements, std::span<std::byte> target) const;

  // Where bytes of one element of `type()` stand in the whole element, in their order.
  std::vector<ByteRange> origins(ByteRange picked) const;

  // Where the fields begin in the whole element.
  std::vector<std::uint32_t> offsets() const;

 private:
  struct Part {
    std::size_t from = 0, to = 0, bytes = 0;
  };

  DataType type_;
  std::size_t wholeBytes_ = 0;
  std::vector<Part> parts_;
};

}  // namespace h5cap
