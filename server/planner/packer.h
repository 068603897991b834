// From elements in libhdf5's memory layout to packed elements and their heap.
#pragma once

#include "h5cap/node.h"
#include "server/planner/type-map.h"

namespace h5cap::hdf5 {

class Packer {
 public:
  // Fails with FileError (tooLarge) once elements and heap together exceed `maxBytes`.
  explicit Packer(std::size_t maxBytes) : maxBytes_(maxBytes) {}

  void add(const MemoryLayout& layout, const std::byte* memory, std::size_t count);

  Bytes& elements() { return elements_; }
  Bytes& heap() { return heap_; }

 private:
  void pack(const MemoryLayout& layout, const std::byte* memory, std::byte* packed);
  void packSequence(const MemoryLayout& base, const hvl_t& sequence, std::byte* place);
  std::size_t reserve(std::size_t count, std::size_t bytesEach);

  std::size_t maxBytes_;
  Bytes elements_;
  Bytes heap_;
};

}  // namespace h5cap::hdf5
