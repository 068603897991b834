// BloscLZ, of the FastLZ family: a control byte below 32 says that one more than so many bytes follow as they are; any
// other is a match: three bits of length, 7 for "bytes with more of it follow", five high bits of the distance, whose
// low byte follows.  The largest distance means that two more bytes are added to it, big-endian.  The first control
// byte is always of the former kind, and data end behind such bytes.
#include <cstdint>
#include <cstring>

#include "core/codec/compressors.h"

namespace h5cap::codec {

namespace {

constexpr unsigned FIRST_MATCH = 32;
constexpr std::size_t LONG_LENGTH = 6, SHORTEST_MATCH = 3, LAST_HIGH_BITS = 31, FARTHEST_NEAR = 8191;

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool isAtEnd() const { return at_ == bytes_.size(); }
  std::size_t left() const { return bytes_.size() - at_; }
  unsigned next() { return std::to_integer<unsigned>(bytes_[at_++]); }  // there must be one
  const std::byte* advance(std::size_t count) {
    at_ += count;
    return bytes_.data() + at_ - count;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

struct Match {
  std::size_t length, distance;
};

std::optional<Match> readMatch(unsigned control, Reader& from) {
  Match match{(control >> 5) - 1, std::size_t{control & 31} << 8};
  const bool hasLastHighBits = (control & 31) == LAST_HIGH_BITS;
  if (match.length == LONG_LENGTH) {
    for (unsigned more = 255; more == 255;) {
      if (from.isAtEnd()) return std::nullopt;
      more = from.next();
      match.length += more;
    }
  }
  match.length += SHORTEST_MATCH;
  if (from.isAtEnd()) return std::nullopt;
  const unsigned low = from.next();
  match.distance += low + 1;
  if (low == 255 && hasLastHighBits) {
    if (from.left() < 2) return std::nullopt;
    const unsigned high = from.next();
    match.distance = (high << 8 | from.next()) + FARTHEST_NEAR + 1;
  }
  return match;
}

// What is copied may begin within what the copy makes.
void copyMatch(std::byte* to, const Match& match) {
  const std::byte* from = to - match.distance;
  if (match.distance == 1) {
    std::memset(to, std::to_integer<int>(*from), match.length);
  } else if (match.distance >= match.length) {
    std::memcpy(to, from, match.length);
  } else {
    for (std::size_t i = 0; i < match.length; ++i) to[i] = from[i];
  }
}

}  // namespace

std::optional<std::size_t> decompressBloscLz(std::span<const std::byte> stored, std::span<std::byte> target) {
  if (stored.empty()) return 0;
  Reader from(stored);
  std::size_t done = 0;
  for (unsigned control = from.next() & 31;; control = from.next()) {
    if (control < FIRST_MATCH) {
      const std::size_t count = control + 1;
      if (count > from.left() || count > target.size() - done) return std::nullopt;
      std::memcpy(target.data() + done, from.advance(count), count);
      done += count;
    } else {
      const auto match = readMatch(control, from);
      if (!match || match->distance > done || match->length > target.size() - done) return std::nullopt;
      copyMatch(target.data() + done, *match);
      done += match->length;
    }
    if (from.isAtEnd()) return done;
  }
}

}  // namespace h5cap::codec
