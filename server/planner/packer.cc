#include "server/planner/packer.h"

#include <algorithm>
#include <cstring>

#include "h5cap/error.h"

namespace h5cap::hdf5 {

namespace {

// Little-endian as the contract asks; the planner's machine is.
void writePlace(std::byte* place, std::uint64_t offset, std::uint64_t count) {
  std::memcpy(place, &offset, sizeof offset);
  std::memcpy(place + sizeof offset, &count, sizeof count);
}

}  // namespace

std::size_t Packer::reserve(std::size_t count, std::size_t bytesEach) {
  std::size_t room = maxBytes_ - std::min(maxBytes_, elements_.size() + heap_.size());
  if (bytesEach != 0 && count > room / bytesEach) {
    throw FileError("variable-length data of more than " + std::to_string(maxBytes_) + " bytes", ErrorCode::tooLarge);
  }
  std::size_t offset = heap_.size();
  heap_.resize(offset + count * bytesEach);
  return offset;
}

void Packer::packSequence(const MemoryLayout& base, const hvl_t& sequence, std::byte* place) {
  if (sequence.len == 0 || sequence.p == nullptr) return;
  const auto* memory = static_cast<const std::byte*>(sequence.p);
  std::size_t offset = reserve(sequence.len, base.packedBytes);
  if (base.kind == MemoryLayout::Kind::plain) {
    std::memcpy(heap_.data() + offset, memory, sequence.len * base.packedBytes);
  } else {
    Bytes packed(sequence.len * base.packedBytes);  // packing nested data grows the heap, and moves it
    for (std::size_t i = 0; i < sequence.len; ++i) {
      pack(base, memory + i * base.memoryBytes, packed.data() + i * base.packedBytes);
    }
    std::memcpy(heap_.data() + offset, packed.data(), packed.size());
  }
  writePlace(place, offset, sequence.len);
}

void Packer::pack(const MemoryLayout& layout, const std::byte* memory, std::byte* packed) {
  switch (layout.kind) {
    case MemoryLayout::Kind::plain:
      std::memcpy(packed, memory, layout.packedBytes);
      return;
    case MemoryLayout::Kind::string: {
      const char* text;
      std::memcpy(&text, memory, sizeof text);
      if (text == nullptr || *text == '\0') return;
      std::size_t length = std::strlen(text);
      std::size_t offset = reserve(length, 1);
      std::memcpy(heap_.data() + offset, text, length);
      writePlace(packed, offset, length);
      return;
    }
    case MemoryLayout::Kind::sequence: {
      hvl_t sequence;
      std::memcpy(&sequence, memory, sizeof sequence);
      packSequence(*layout.base, sequence, packed);
      return;
    }
    case MemoryLayout::Kind::composite:
      for (const MemoryLayout::Part& part : layout.parts) {
        for (std::size_t i = 0; i < part.count; ++i) {
          pack(*part.layout, memory + part.memoryOffset + i * part.layout->memoryBytes,
               packed + part.packedOffset + i * part.layout->packedBytes);
        }
      }
      return;
  }
}

void Packer::add(const MemoryLayout& layout, const std::byte* memory, std::size_t count) {
  if (layout.packedBytes != 0 && count > (maxBytes_ - std::min(maxBytes_, elements_.size())) / layout.packedBytes) {
    throw FileError(std::to_string(count) + " elements of " + std::to_string(layout.packedBytes) +
                        " bytes are more than " + std::to_string(maxBytes_) + " bytes",
                    ErrorCode::tooLarge);
  }
  std::size_t first = elements_.size();
  elements_.resize(first + count * layout.packedBytes);
  std::byte* packed = elements_.data() + first;
  if (layout.kind == MemoryLayout::Kind::plain) {
    std::memcpy(packed, memory, count * layout.packedBytes);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    pack(layout, memory + i * layout.memoryBytes, packed + i * layout.packedBytes);
  }
}

}  // namespace h5cap::hdf5
