// What reading returns: elements in C order, with their shape.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "h5cap/data-type.h"
#include "h5cap/node.h"
#include "h5cap/read-version.h"
#include "h5cap/selection.h"
#include "h5cap/shape.h"

namespace h5cap {

// Elements converted to T.  Move-only: it may be large.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(Shape shape)
      : shape_(std::move(shape)), size_(elementCount(shape_)), data_(new T[size_ ? size_ : 1]) {}

  const Shape& shape() const { return shape_; }
  std::size_t size() const { return size_; }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  Shape shape_;
  std::size_t size_ = 0;
  std::unique_ptr<T[]> data_;
};

// Elements as the file has them: packed, in the file's byte order, with a heap for variable-length data.
struct PackedElements {
  DataType type;
  Shape shape;
  Bytes elements;
  Bytes heap;
  std::vector<std::string> missingSources;  // of a virtual dataset: names of absent sources, shown as fill
  ReadVersion version;                      // that all elements are of; with a live SWMR writer, the oldest of them
};

// A piece of a streamed read: a contiguous run, in C order, of the elements of the view, except where `inResult` says
// otherwise (tiles follow chunk edges).
struct StreamedTile {
  std::vector<RegionAxis> inResult;  // where the elements belong, along all axes of the view (dropped ones included)
  Shape shape;                       // counts of inResult
  Bytes elements;                    // packed
  Bytes heap;
  ReadVersion version;               // as PackedElements has it: the same for all tiles of a stream
};

// Types that elements can be converted to.
enum class NativeType {
  int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64, boolean, string, complex64, complex128
};

template <class T>
constexpr NativeType nativeType();  // specialised below; other types do not compile
template <> constexpr NativeType nativeType<std::int8_t>() { return NativeType::int8; }
template <> constexpr NativeType nativeType<std::uint8_t>() { return NativeType::uint8; }
template <> constexpr NativeType nativeType<std::int16_t>() { return NativeType::int16; }
template <> constexpr NativeType nativeType<std::uint16_t>() { return NativeType::uint16; }
template <> constexpr NativeType nativeType<std::int32_t>() { return NativeType::int32; }
template <> constexpr NativeType nativeType<std::uint32_t>() { return NativeType::uint32; }
template <> constexpr NativeType nativeType<std::int64_t>() { return NativeType::int64; }
template <> constexpr NativeType nativeType<std::uint64_t>() { return NativeType::uint64; }
template <> constexpr NativeType nativeType<float>() { return NativeType::float32; }
template <> constexpr NativeType nativeType<double>() { return NativeType::float64; }
template <> constexpr NativeType nativeType<bool>() { return NativeType::boolean; }
template <> constexpr NativeType nativeType<std::string>() { return NativeType::string; }
template <> constexpr NativeType nativeType<std::complex<float>>() { return NativeType::complex64; }
template <> constexpr NativeType nativeType<std::complex<double>>() { return NativeType::complex128; }

// Converts packed elements to `count` native ones at `target` (an array of the type that `to` names), by HDF5's rules:
// numbers convert to numbers, saturating at the target's limits and truncating towards zero; booleans and enumerations
// convert as their integers; strings to strings; to complex numbers HDF5's own, h5py's compounds of two floats r and i,
// and numbers.  Throws BadType, naming both types, for anything else.
void convert(const DataType& type, const std::byte* elements, std::size_t count, const Bytes& heap, NativeType to,
             void* target);

}  // namespace h5cap
