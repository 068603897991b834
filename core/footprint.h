// How many bytes of memory values hold, themselves included: for caches that are bounded in bytes.
//
// An upper estimate: every string and vector counts with its capacity and what an allocation costs beside it.  What is
// shared counts for each that shares it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/storage.h"
#include "h5cap/node.h"

namespace h5cap {

std::uint64_t footprint(const DataType& type);
std::uint64_t footprint(const Link& link);
std::uint64_t footprint(const Hyperslab& selection);
std::uint64_t footprint(const VirtualSource& source);
std::uint64_t footprint(const Attribute& attribute);
std::uint64_t footprint(const NodeInfo& node);
std::uint64_t footprint(const FileInfo& file);
std::uint64_t footprint(const Storage& storage);

inline constexpr std::uint64_t ALLOCATION_BYTES = 32;  // of the allocator's own, rounding included

inline std::uint64_t footprint(const std::string& text) { return sizeof text + text.capacity() + ALLOCATION_BYTES; }

// Of plain values.
template <class Plain>
  requires std::is_trivially_copyable_v<Plain>
std::uint64_t footprint(const std::vector<Plain>& values) {
  return sizeof values + values.capacity() * sizeof(Plain) + ALLOCATION_BYTES;
}

}  // namespace h5cap
