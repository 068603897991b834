// Opt-in: views as xtensor containers.  The library itself does not use xtensor; include <h5cap/client.h> without it.
//
//     auto frame = h5cap::xarray<std::uint16_t>(dataset[{42}]);   // owns its elements; nothing is copied once more
//
// xtensor itself checks no ranks when one container is assigned to another; `readInto` below does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>

#include "h5cap/dataset.h"
#include "h5cap/error.h"

namespace h5cap {

namespace detail {

// Just as much of a container as xtensor's adaptors ask for, around the buffer of an Array.
template <class T>
class ArrayBuffer {
 public:
  using value_type = T;
  using reference = T&;
  using const_reference = const T&;
  using pointer = T*;
  using const_pointer = const T*;
  using iterator = T*;
  using const_iterator = const T*;
  using reverse_iterator = std::reverse_iterator<T*>;
  using const_reverse_iterator = std::reverse_iterator<const T*>;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using allocator_type = std::allocator<T>;

  ArrayBuffer() = default;
  explicit ArrayBuffer(Array<T> array) : array_(std::move(array)) {}
  ArrayBuffer(ArrayBuffer&&) noexcept = default;
  ArrayBuffer& operator=(ArrayBuffer&&) noexcept = default;
  ArrayBuffer(const ArrayBuffer& other) : array_(other.array_.shape()) {
    std::copy(other.begin(), other.end(), array_.begin());
  }
  ArrayBuffer& operator=(const ArrayBuffer& other) {
    if (this != &other) *this = ArrayBuffer(other);
    return *this;
  }

  std::size_t size() const { return array_.size(); }
  bool empty() const { return size() == 0; }
  // xtensor resizes on assignment of another shape.
  void resize(std::size_t size) {
    if (size != array_.size()) array_ = Array<T>(Shape{size});
  }
  T* data() { return array_.data(); }
  const T* data() const { return array_.data(); }
  T* begin() { return array_.begin(); }
  T* end() { return array_.end(); }
  const T* begin() const { return array_.begin(); }
  const T* end() const { return array_.end(); }
  const T* cbegin() const { return begin(); }
  const T* cend() const { return end(); }
  reverse_iterator rbegin() { return reverse_iterator(end()); }
  reverse_iterator rend() { return reverse_iterator(begin()); }
  const_reverse_iterator rbegin() const { return const_reverse_iterator(end()); }
  const_reverse_iterator rend() const { return const_reverse_iterator(begin()); }
  T& operator[](std::size_t i) { return array_[i]; }
  const T& operator[](std::size_t i) const { return array_[i]; }
  T& front() { return array_[0]; }
  const T& front() const { return array_[0]; }
  T& back() { return array_[size() - 1]; }
  const T& back() const { return array_[size() - 1]; }
  void swap(ArrayBuffer& other) { std::swap(array_, other.array_); }

 private:
  Array<T> array_;
};

}  // namespace detail

// An xtensor container, row-major, of a rank that is known at run time.
template <class T>
using XArray = xt::xarray_adaptor<detail::ArrayBuffer<T>, xt::layout_type::row_major, std::vector<std::size_t>>;

// The elements of a view.  Cost and failures as View::read.
template <class T>
XArray<T> xarray(const View& view, const ReadOptions& options = {}) {
  Array<T> array = view.read<T>(options);
  std::vector<std::size_t> shape(array.shape().begin(), array.shape().end());
  return XArray<T>(detail::ArrayBuffer<T>(std::move(array)), shape);
}

// The elements of a view into a container of fixed rank, which gets their shape.  Throws BadSelection when the ranks
// differ.  Needs the dataset's shape (see View::shape) and one read.
template <class T, std::size_t rank>
void readInto(const View& view, xt::xtensor<T, rank>& target, const ReadOptions& options = {}) {
  Shape shape = view.shape();
  if (shape.size() != rank) {
    throw BadSelection("the selection has " + std::to_string(shape.size()) + " axes, and the target " +
                       std::to_string(rank));
  }
  typename xt::xtensor<T, rank>::shape_type extents;
  std::copy(shape.begin(), shape.end(), extents.begin());
  target.resize(extents);
  view.readInto(target.data(), target.size(), options);
}

}  // namespace h5cap
