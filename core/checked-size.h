// Sizes that come from files and peers: the one arithmetic on counts, positions and bytes that does not wrap.
//
// A `CheckedSize` is a number below 2^64, or one that does not fit; what is made of one that does not fit does not fit
// either.  So an expression is written as it is meant, and asked once at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "h5cap/error.h"

namespace h5cap {

class CheckedSize {
 public:
  constexpr CheckedSize(std::uint64_t value) : value_(value) {}  // NOLINT: meant to convert

  // Nothing when it does not fit.
  constexpr std::optional<std::uint64_t> fits() const { return fits_ ? std::optional(value_) : std::nullopt; }

  // Whether it fits, and is at most so much.
  constexpr bool isAtMost(std::uint64_t limit) const { return fits_ && value_ <= limit; }

  // What does not fit is 2^64 - 1, `unlimited`: for budgets and estimates, where too much is too much.
  constexpr std::uint64_t orUnlimited() const { return fits_ ? value_ : ~std::uint64_t{0}; }

  // Throws FileError (tooLarge, unless another code says what that means) with `what` as its text.
  std::uint64_t orRaise(const char* what, ErrorCode code = ErrorCode::tooLarge) const {
    if (!fits_) throw FileError(what, code);
    return value_;
  }

  friend constexpr CheckedSize operator+(CheckedSize a, CheckedSize b) {
    a.fits_ = !__builtin_add_overflow(a.value_, b.value_, &a.value_) && a.fits_ && b.fits_;
    return a;
  }
  friend constexpr CheckedSize operator-(CheckedSize a, CheckedSize b) {  // below zero does not fit, either
    a.fits_ = !__builtin_sub_overflow(a.value_, b.value_, &a.value_) && a.fits_ && b.fits_;
    return a;
  }
  friend constexpr CheckedSize operator*(CheckedSize a, CheckedSize b) {
    a.fits_ = !__builtin_mul_overflow(a.value_, b.value_, &a.value_) && a.fits_ && b.fits_;
    return a;
  }
  CheckedSize& operator+=(CheckedSize b) { return *this = *this + b; }
  CheckedSize& operator*=(CheckedSize b) { return *this = *this * b; }

 private:
  std::uint64_t value_;
  bool fits_ = true;
};

// How many elements a shape holds: 1 for a scalar; 0 as soon as one extent is, however large the others are.
constexpr CheckedSize productOf(std::span<const std::uint64_t> extents) {
  CheckedSize product = 1;
  bool isEmpty = false;
  for (const std::uint64_t extent : extents) {
    product = product * extent;
    isEmpty = isEmpty || extent == 0;
  }
  return isEmpty ? 0 : product;
}

// The last of `count` > 0 positions from `start` every `step`.
constexpr CheckedSize lastPosition(std::uint64_t start, std::uint64_t step, std::uint64_t count) {
  return CheckedSize(count - 1) * step + start;
}

// Of a packed array.  Throws FileError (tooLarge).
std::uint64_t packedBytes(std::span<const std::uint64_t> shape, std::uint64_t elementBytes);

// From one position along each axis of a packed array to the next.  Throws FileError (tooLarge) for an array of more
// than 2^64 bytes, axes without extent counted as one.
std::vector<std::uint64_t> stridesInBytes(std::span<const std::uint64_t> shape, std::uint64_t elementBytes);

// Whether `size` bytes (or elements) from `offset` on lie within the first `limit`.
constexpr bool isWithin(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

// Of parts of `b` > 0 that hold `a`.
constexpr std::uint64_t divideUp(std::uint64_t a, std::uint64_t b) { return a / b + (a % b != 0); }

}  // namespace h5cap
