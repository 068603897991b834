// Values that are larger than an answer, in parts: packed elements with their heap behind them.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/heap.h"
#include "server/planner/stored-element.h"

namespace h5cap::hdf5 {

// What is read whole, because only libhdf5 can read it: that holds it four times over for a moment, and this once.
inline constexpr std::size_t MAX_WHOLE_VALUE_BYTES = 128 << 20;

struct ValuePart {
  Bytes bytes;
  std::uint64_t total = 0;
};

// Keeps the last value until its last byte is read: the next part of it is asked for next.
class LargeValues {
 public:
  // Bytes `range` of one element, fewer at its end; with `fieldOffsets` of the compound of the fields that begin there.
  // BadSelection outside of shape or element; FileError (tooLarge) for what has to be read whole and is too large.
  ValuePart element(const OpenFile& file, ObjectId dataset, std::span<const std::uint64_t> coordinates,
                    std::span<const std::uint32_t> fieldOffsets, ByteRange range);

  // The same of an attribute's value; `attribute` becomes what it is, without its value.  NotFound.
  ValuePart attribute(const OpenFile& file, ObjectId owner, const std::string& name, ByteRange range,
                      Attribute& attribute);

  // The file may have another value by now.
  void forget() { kept_ = {}; }

 private:
  struct Kept {
    std::string key;
    std::variant<PackedData, StoredElement> value;
    Attribute attribute;

    std::uint64_t total() const;
  };

  ValuePart take(const OpenFile& file, ByteRange range);

  Kept kept_;
};

}  // namespace h5cap::hdf5
