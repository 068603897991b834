#include "h5cap/bit-mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/checked-size.h"
#include "h5cap/error.h"

namespace h5cap {

// Words are bytes on the wire, least significant first.
static_assert(std::endian::native == std::endian::little, "h5cap runs on little-endian machines");

namespace {

std::vector<std::uint64_t> wordsFor(std::uint64_t size) {
  std::vector<std::uint64_t> words;
  auto count = divideUp(size, 64);
  if (count > words.max_size()) throw BadSelection(fmt::format("a mask of {} elements", size));
  words.resize(count);
  return words;
}

std::uint64_t lowBits(unsigned count) { return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1; }

}  // namespace

BitMask::BitMask(std::vector<std::uint64_t> words, std::uint64_t size) : size_(size) {
  auto bits = std::make_shared<Bits>();
  bits->words = std::move(words);
  bits->before.reserve(bits->words.size() / BLOCK_WORDS + 1);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < bits->words.size(); ++i) {
    if (i % BLOCK_WORDS == 0) bits->before.push_back(count);
    count += static_cast<std::uint64_t>(std::popcount(bits->words[i]));
  }
  bits_ = std::move(bits);
}

BitMask::BitMask(const std::vector<bool>& flags) {
  auto words = wordsFor(flags.size());
  for (std::size_t i = 0; i < flags.size(); ++i) words[i / 64] |= std::uint64_t{flags[i]} << (i % 64);
  *this = BitMask(std::move(words), flags.size());
}

BitMask BitMask::fromBytes(const std::uint8_t* flags, std::uint64_t size) {
  auto words = wordsFor(size);
  for (std::uint64_t i = 0; i < size; ++i) words[i / 64] |= std::uint64_t{flags[i] != 0} << (i % 64);
  return BitMask(std::move(words), size);
}

BitMask BitMask::fromBits(const std::byte* bits, std::size_t bytes, std::uint64_t size) {
  if (bytes != byteCount(size)) throw BadSelection(fmt::format("a mask of {} bytes for {} elements", bytes, size));
  auto words = wordsFor(size);
  if (bytes > 0) std::memcpy(words.data(), bits, bytes);
  if (size % 64 != 0 && (words.back() & ~lowBits(size % 64)) != 0) {
    throw BadSelection(fmt::format("a mask with bits beyond its {} elements", size));
  }
  return BitMask(std::move(words), size);
}

BitMask BitMask::unsized(const std::byte* bits, std::size_t byteCount) {
  auto result = fromBits(bits, byteCount, std::uint64_t{byteCount} * 8);
  result.isUnsized_ = true;
  return result;
}

std::optional<BitMask> BitMask::sizedTo(std::uint64_t size) const {
  if (size == size_) return *this;
  // Bytes are compared, not bits: those of a size near 2^64 would wrap to none.
  if (!isUnsized_ || byteCount(size) != byteCount(size_) || next(size) != size_) return std::nullopt;
  auto result = *this;
  result.size_ = size;
  result.isUnsized_ = false;
  return result;
}

std::uint64_t BitMask::countBefore(std::uint64_t i) const {
  if (i == 0) return 0;
  auto word = i / 64;
  auto block = std::min<std::uint64_t>(word / BLOCK_WORDS, bits_->before.size() - 1);
  auto count = bits_->before[block];
  for (auto k = block * BLOCK_WORDS; k < word; ++k) count += static_cast<std::uint64_t>(std::popcount(words()[k]));
  if (i % 64 != 0) count += static_cast<std::uint64_t>(std::popcount(words()[word] & lowBits(i % 64)));
  return count;
}

std::uint64_t BitMask::find(std::uint64_t rank) const {
  auto block = std::upper_bound(bits_->before.begin(), bits_->before.end(), rank) - bits_->before.begin() - 1;
  auto left = rank - bits_->before[static_cast<std::size_t>(block)];
  for (auto k = static_cast<std::size_t>(block) * BLOCK_WORDS; k < bits_->words.size(); ++k) {
    auto word = words()[k];
    auto here = static_cast<std::uint64_t>(std::popcount(word));
    if (left >= here) {
      left -= here;
      continue;
    }
    for (; left > 0; --left) word &= word - 1;
    return k * 64 + static_cast<std::uint64_t>(std::countr_zero(word));
  }
  throw Failed("a mask has fewer elements than were counted");
}

std::uint64_t BitMask::next(std::uint64_t i) const {
  if (i >= size_) return size_;
  auto word = words()[i / 64] & ~lowBits(i % 64);
  for (auto k = i / 64;;) {
    if (word != 0) return k * 64 + static_cast<std::uint64_t>(std::countr_zero(word));
    if (++k == bits_->words.size()) return size_;
    word = words()[k];
  }
}

BitMask BitMask::gathered(const std::vector<std::uint64_t>& starts, std::uint64_t length) const {
  auto size = elementCount({starts.size(), length});
  auto result = wordsFor(size);
  std::uint64_t to = 0;
  for (auto from : starts) {
    for (std::uint64_t done = 0; done < length;) {
      auto at = from + done;
      auto bits = std::min<std::uint64_t>({64 - at % 64, 64 - to % 64, length - done});
      auto part = words()[at / 64] >> (at % 64) & lowBits(static_cast<unsigned>(bits));
      result[to / 64] |= part << (to % 64);
      to += bits;
      done += bits;
    }
  }
  return BitMask(std::move(result), size);
}

bool operator==(const BitMask& a, const BitMask& b) {
  return a.size_ == b.size_ && (a.size_ == 0 || a.bits_ == b.bits_ || a.bits_->words == b.bits_->words);
}

}  // namespace h5cap
