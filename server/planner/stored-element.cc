#include "server/planner/stored-element.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/checked-size.h"
#include "core/codec/codec.h"
#include "h5cap/error.h"
#include "h5cap/place.h"
#include "server/planner/chunk-plan.h"
#include "server/planner/dataset-info.h"
#include "server/planner/storage-plan.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::uint64_t MAX_DECODED_BYTES = 64 << 20;  // of a chunk that holds the places
constexpr std::size_t SEARCHED_AT_ONCE = 1 << 20;
constexpr std::uint64_t MAX_LOOKS = 65'536;  // at heads of objects: many small ones are libhdf5's
constexpr std::uint64_t HEAP_HEAD_BYTES = 16;

// A place as it is stored: a length and what names an object of a global heap.
struct StoredPlace {
  std::uint32_t length = 0;
  std::uint64_t collection = 0;
  std::uint32_t index = 0;

  explicit StoredPlace(const std::byte* at) {
    std::memcpy(&length, at, sizeof length);
    std::memcpy(&collection, at + 4, sizeof collection);
    std::memcpy(&index, at + 12, sizeof index);
  }
};

bool hasReferences(const DataType& type) {
  if (type.as<ObjectReferenceType>() || type.as<RegionReferenceType>() || type.as<AnyReferenceType>()) return true;
  if (auto* compound = type.as<CompoundType>())
    return std::any_of(compound->fields.begin(), compound->fields.end(),
                       [](const Field& field) { return hasReferences(field.type); });
  if (auto* array = type.as<ArrayType>()) return hasReferences(*array->element);
  if (auto* sequence = type.as<SequenceType>()) return hasReferences(*sequence->base);
  return false;
}

// Whether addresses and lengths have eight bytes: then a place takes as many as one in packed elements.
bool hasWideAddresses(const OpenFile& file) {
  Handle creation = own(H5Fget_create_plist(file.id()), "read the file's properties");
  std::size_t addressBytes = 0, lengthBytes = 0;
  check(H5Pget_sizes(creation.get(), &addressBytes, &lengthBytes), "read the file's sizes");
  return addressBytes == 8 && lengthBytes == 8;
}

std::uint64_t numberIn(const Shape& shape, std::span<const std::uint64_t> coordinates) {
  std::uint64_t number = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) number = number * shape[axis] + coordinates[axis];
  return number;
}

// The bytes of an element as they are stored.
class StoredBytes {
 public:
  StoredBytes(const OpenFile& file, ObjectId id, std::size_t elementBytes)
      : file_(file), id_(id), dataset_(file.dataset(id)),
        creation_(own(H5Dget_create_plist(dataset_.get()), "read the dataset's properties")),
        shape_(spaceOf(dataset_.get(), creation_.get()).shape), elementBytes_(elementBytes) {}

  std::optional<Bytes> at(std::span<const std::uint64_t> coordinates) const {
    switch (layoutOf(creation_.get())) {
      case Layout::contiguous:
        return contiguous(coordinates);
      case Layout::chunked:
        return chunked(coordinates);
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<Bytes> contiguous(std::span<const std::uint64_t> coordinates) const {
    const std::uint64_t userBlock = file_.info().userBlockSize;
    const haddr_t offset = H5Dget_offset(dataset_.get());
    if (offset == HADDR_UNDEF || offset == HADDR_UNDEF + userBlock) return std::nullopt;
    if (H5Dget_storage_size(dataset_.get()) != (productOf(shape_) * elementBytes_).fits()) return std::nullopt;
    Bytes bytes(elementBytes_);
    file_.readBytes(offset + numberIn(shape_, coordinates) * elementBytes_, bytes);
    return bytes;
  }

  std::optional<Bytes> chunked(std::span<const std::uint64_t> coordinates) const {
    const std::vector<Filter> filters = filtersOf(creation_.get());
    const Shape chunkShape = chunkShapeOf(creation_.get());
    const CheckedSize decoded = productOf(chunkShape) * elementBytes_;
    unsigned options = 0;
    check(H5Pget_chunk_opts(creation_.get(), &options), "read the chunk options");
    if (options != 0 || !codec::canDecode(filters) || !decoded.isAtMost(MAX_DECODED_BYTES)) return std::nullopt;
    Shape chunk, within;
    for (std::size_t axis = 0; axis < chunkShape.size(); ++axis) {
      chunk.push_back(coordinates[axis] / chunkShape[axis]);
      within.push_back(coordinates[axis] % chunkShape[axis]);
    }
    const ChunkExtent extent = planChunks(file_, id_, chunk, Shape(chunk.size(), 1)).front();
    if (extent.address == ChunkExtent::neverWritten || extent.size > MAX_DECODED_BYTES) return std::nullopt;
    Bytes stored(extent.size);
    file_.readBytes(extent.address, stored);
    const Bytes bytes = codec::decode(filters, extent.filterMask, stored, *decoded.fits(), elementBytes_);
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(numberIn(chunkShape, within) * elementBytes_);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(elementBytes_));
  }

  const OpenFile& file_;
  const ObjectId id_;
  const Handle dataset_, creation_;
  const Shape shape_;
  const std::size_t elementBytes_;
};

CheckedSize statedBytes(const MemoryLayout& layout, const std::byte* stored) {
  CheckedSize total = 0;
  switch (layout.kind) {
    case MemoryLayout::Kind::plain:
    case MemoryLayout::Kind::reference:
      return total;
    case MemoryLayout::Kind::string:
      return StoredPlace(stored).length;
    case MemoryLayout::Kind::sequence:
      return CheckedSize(StoredPlace(stored).length) * layout.base->packedBytes;
    case MemoryLayout::Kind::composite:
      for (const MemoryLayout::Part& part : layout.parts)
        for (std::size_t i = 0; i < part.count; ++i)
          total += statedBytes(*part.layout, stored + part.packedOffset + i * part.layout->packedBytes);
      return total;
  }
  return total;
}

// Walks over the places of one element, and finds what they lead to.
class Finding {
 public:
  Finding(const OpenFile& file, Bytes stored) : file_(file) { element_.packed = std::move(stored); }

  // False where it has to be left to libhdf5.
  bool visit(const MemoryLayout& layout, std::size_t offset) {
    switch (layout.kind) {
      case MemoryLayout::Kind::plain:
        return true;
      case MemoryLayout::Kind::reference:
        return false;
      case MemoryLayout::Kind::string:
        return add(offset, 1, Kind::text);
      case MemoryLayout::Kind::sequence:
        return layout.base->kind == MemoryLayout::Kind::plain && add(offset, layout.base->packedBytes, Kind::items);
      case MemoryLayout::Kind::composite:
        for (const MemoryLayout::Part& part : layout.parts)
          for (std::size_t i = 0; i < part.count; ++i)
            if (!visit(*part.layout, offset + part.packedOffset + i * part.layout->packedBytes)) return false;
        return true;
    }
    return false;
  }

  StoredElement take() { return std::move(element_); }

 private:
  enum class Kind { text, items };

  bool add(std::size_t offset, std::uint64_t baseBytes, Kind kind) {
    std::byte* at = element_.packed.data() + offset;
    const StoredPlace place(at);
    HeapPlace packed{heapBytes_, place.length};
    if (place.length > 0 && place.collection != 0) {
      auto item = objectOf(place, (CheckedSize(place.length) * baseBytes).orUnlimited());
      if (!item) return false;
      if (kind == Kind::text) packed.count = item->bytes = lengthOf(*item);
      heapBytes_ += item->bytes;
      if (item->bytes > 0) element_.heap.push_back(*item);
    } else {
      packed.count = 0;
    }
    writePlace(packed, at);
    return true;
  }

  // Where an object of `bytes` bytes lies.  Nothing for what is no heap, or too small.
  std::optional<StoredElement::Item> objectOf(const StoredPlace& place, std::uint64_t bytes) {
    const CheckedSize begin = CheckedSize(file_.info().userBlockSize) + place.collection;
    if (!begin.isAtMost(file_.size())) return std::nullopt;
    std::array<std::byte, HEAP_HEAD_BYTES> head;
    file_.readBytes(*begin.fits(), head);
    std::uint64_t size;
    std::memcpy(&size, head.data() + 8, sizeof size);
    if (std::memcmp(head.data(), "GCOL\x01", 5) != 0 || !(begin + size).isAtMost(file_.size())) return std::nullopt;
    for (std::uint64_t at = HEAP_HEAD_BYTES; size - at >= HEAP_HEAD_BYTES && at < size;) {
      if (looksLeft_-- == 0) return std::nullopt;
      file_.readBytes(*begin.fits() + at, head);
      std::uint16_t index;
      std::uint64_t objectBytes;
      std::memcpy(&index, head.data(), sizeof index);
      std::memcpy(&objectBytes, head.data() + 8, sizeof objectBytes);
      at += HEAP_HEAD_BYTES;
      if (index == 0 || objectBytes > size - at) return std::nullopt;
      if (index == place.index) {
        if (bytes > objectBytes) return std::nullopt;
        return StoredElement::Item{*begin.fits() + at, bytes};
      }
      at += (objectBytes + 7) / 8 * 8;
      if (at > size) return std::nullopt;
    }
    return std::nullopt;
  }

  std::uint64_t lengthOf(const StoredElement::Item& text) const {
    Bytes window;
    for (std::uint64_t done = 0; done < text.bytes; done += window.size()) {
      window.resize(std::min<std::uint64_t>(SEARCHED_AT_ONCE, text.bytes - done));
      file_.readBytes(text.address + done, window);
      const auto end = std::find(window.begin(), window.end(), std::byte{0});
      if (end != window.end()) return done + static_cast<std::uint64_t>(end - window.begin());
    }
    return text.bytes;
  }

  const OpenFile& file_;
  StoredElement element_;
  std::uint64_t heapBytes_ = 0;
  std::uint64_t looksLeft_ = MAX_LOOKS;
};

}  // namespace

std::uint64_t StoredElement::total() const {
  std::uint64_t bytes = packed.size();
  for (const Item& item : heap) bytes += item.bytes;
  return bytes;
}

Bytes StoredElement::read(const OpenFile& file, ByteRange range) const {
  Bytes bytes(range.count);
  const std::uint64_t end = range.first + range.count;
  std::uint64_t at = packed.size();
  if (range.first < at) std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(range.first),
                                    std::min<std::uint64_t>(at, end) - range.first, bytes.begin());
  for (const Item& item : heap) {
    const std::uint64_t from = std::max(range.first, at), to = std::min(end, at + item.bytes);
    if (from < to) file.readBytes(item.address + (from - at), std::span(bytes).subspan(from - range.first, to - from));
    at += item.bytes;
  }
  return bytes;
}

std::uint64_t statedHeapBytes(const OpenFile& file, ObjectId id, const MappedType& type,
                              std::span<const std::uint64_t> coordinates) {
  if (hasReferences(type.type) || !hasWideAddresses(file)) return 0;
  const auto stored = StoredBytes(file, id, type.layout->packedBytes).at(coordinates);
  return stored ? statedBytes(*type.layout, stored->data()).orUnlimited() : 0;
}

std::optional<StoredElement> findStoredElement(const OpenFile& file, ObjectId id,
                                               std::span<const std::uint64_t> coordinates) {
  Handle dataset = file.dataset(id);
  Handle type = own(H5Dget_type(dataset.get()), "read the datatype");
  const MappedType mapped = mapType(type.get());
  if (!mapped.type.hasVariable() || hasReferences(mapped.type) || !hasWideAddresses(file)) return std::nullopt;
  auto stored = StoredBytes(file, id, mapped.layout->packedBytes).at(coordinates);
  if (!stored) return std::nullopt;
  Finding finding(file, std::move(*stored));
  if (!finding.visit(*mapped.layout, 0)) return std::nullopt;
  return finding.take();
}

}  // namespace h5cap::hdf5
