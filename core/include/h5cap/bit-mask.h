// A boolean mask as bits: which elements of an axis, or of a whole region, are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "h5cap/shape.h"

namespace h5cap {

// A value of `size()` bits, least significant first, as NumPy's packbits(bitorder="little") makes them.  Copies share
// the bits, which do not change.
class BitMask {
 public:
  BitMask() = default;  // of no elements
  explicit BitMask(const std::vector<bool>& flags);

  // One byte an element, not zero for the set ones: NumPy's bool arrays.
  static BitMask fromBytes(const std::uint8_t* flags, std::uint64_t size);

  // Throws BadSelection unless `bits` are exactly as many bytes as `size` bits take, and those that are left over are
  // zero.
  static BitMask fromBits(const std::byte* bits, std::size_t byteCount, std::uint64_t size);

  // As masks arrive: for a size that only whoever has the shape knows, see `sizedTo`.
  static BitMask unsized(const std::byte* bits, std::size_t byteCount);

  // The mask for `size` elements, if it is one.
  std::optional<BitMask> sizedTo(std::uint64_t size) const;

  std::uint64_t size() const { return size_; }
  bool test(std::uint64_t i) const { return (words()[i / 64] >> (i % 64) & 1) != 0; }

  // How many are set: of all; of those before `i` (i <= size()).
  std::uint64_t count() const { return countBefore(size_); }
  std::uint64_t countBefore(std::uint64_t i) const;

  // Where the set bit with `rank` set ones before it is; rank < count().
  std::uint64_t find(std::uint64_t rank) const;

  // The first set bit from `i` on; size() when there is none.
  std::uint64_t next(std::uint64_t i) const;

  // The bits of `rows` runs of `length` bits that begin at `starts`, one run after the other.
  BitMask gathered(const std::vector<std::uint64_t>& starts, std::uint64_t length) const;

  // As they travel: byteCount(size()) bytes.
  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(words()); }
  static std::size_t byteCount(std::uint64_t size) { return size / 8 + (size % 8 != 0); }

  friend bool operator==(const BitMask& a, const BitMask& b);

 private:
  struct Bits {
    std::vector<std::uint64_t> words;
    std::vector<std::uint64_t> before;  // set bits before every BLOCK_WORDS words
  };
  static constexpr std::size_t BLOCK_WORDS = 8;

  BitMask(std::vector<std::uint64_t> words, std::uint64_t size);
  const std::uint64_t* words() const { return bits_ ? bits_->words.data() : nullptr; }

  std::shared_ptr<const Bits> bits_;
  std::uint64_t size_ = 0;
  bool isUnsized_ = false;  // the last byte may be there in part
};

// A mask as it is written in a selection: `mask({true, false, true})`.
inline BitMask mask(const std::vector<bool>& flags) { return BitMask(flags); }

}  // namespace h5cap
