#include "server/planner/packer.h"

#include <cstring>
#include <string>

#include "h5cap/error.h"
#include "server/planner/any-reference.h"

namespace h5cap::hdf5 {

namespace {

class Packer {
 public:
  explicit Packer(Heap& heap) : heap_(heap) {}

  void pack(const MemoryLayout& layout, const std::byte* memory, std::byte* packed);

 private:
  void packSequence(const MemoryLayout& base, const hvl_t& sequence, std::byte* place);

  Heap& heap_;
};

void Packer::packSequence(const MemoryLayout& base, const hvl_t& sequence, std::byte* place) {
  if (sequence.len == 0 || sequence.p == nullptr) return;
  const auto* memory = static_cast<const std::byte*>(sequence.p);
  const HeapPlace data = heap_.reserve(sequence.len, base.packedBytes);
  if (base.kind == MemoryLayout::Kind::plain) {
    std::memcpy(heap_.data(data), memory, sequence.len * base.packedBytes);
  } else {
    Bytes packed(sequence.len * base.packedBytes);  // packing nested data grows the heap, and moves it
    for (std::size_t i = 0; i < sequence.len; ++i) {
      pack(base, memory + i * base.memoryBytes, packed.data() + i * base.packedBytes);
    }
    std::memcpy(heap_.data(data), packed.data(), packed.size());
  }
  writePlace(data, place);
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
      const auto bytes = std::as_bytes(std::span(text, std::strlen(text)));
      writePlace(heap_.add(bytes, bytes.size()), packed);
      return;
    }
    case MemoryLayout::Kind::reference: {
      const Bytes token = tokenOf(memory);
      if (!token.empty()) writePlace(heap_.add(token, token.size()), packed);
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

}  // namespace

PackedData pack(const MemoryLayout& layout, const std::byte* memory, std::size_t count, std::size_t maxBytes) {
  if (layout.packedBytes != 0 && count > maxBytes / layout.packedBytes) {
    throw FileError(std::to_string(count) + " elements of " + std::to_string(layout.packedBytes) +
                        " bytes are more than " + std::to_string(maxBytes) + " bytes",
                    ErrorCode::tooLarge);
  }
  Bytes elements(count * layout.packedBytes);
  Heap heap(maxBytes - elements.size());
  if (layout.kind == MemoryLayout::Kind::plain) {
    if (!elements.empty()) std::memcpy(elements.data(), memory, elements.size());
  } else {
    Packer packer(heap);
    for (std::size_t i = 0; i < count; ++i) {
      packer.pack(layout, memory + i * layout.memoryBytes, elements.data() + i * layout.packedBytes);
    }
  }
  return {std::move(elements), heap.take()};
}

}  // namespace h5cap::hdf5
