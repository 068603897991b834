#include "server/planner/newer-attributes.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <span>

#include "core/read-range.h"
#include "server/planner/newer-format.h"
#include "server/planner/vfd.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_CHUNK_BYTES = 1 << 20;  // of a header's part
constexpr unsigned MAX_CHUNKS = 64;
constexpr std::size_t CHECKSUM_BYTES = 4;

std::map<ObjectId, std::vector<NewerAttribute>> hidden;  // of objects that have any

std::uint64_t number(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i - 1]);
  return value;
}

// Bob Jenkins's lookup3, as the format has it.
std::uint32_t checksum(std::span<const std::byte> bytes) {
  std::uint32_t a = 0xdeadbeef + static_cast<std::uint32_t>(bytes.size()), b = a, c = a;
  auto word = [&](std::size_t at) {
    auto rest = bytes.subspan(std::min(at, bytes.size()));
    return static_cast<std::uint32_t>(number(rest.first(std::min<std::size_t>(4, rest.size()))));
  };
  std::size_t at = 0;
  for (; bytes.size() - at > 12; at += 12) {
    a += word(at), b += word(at + 4), c += word(at + 8);
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }
  if (at == bytes.size()) return c;
  a += word(at), b += word(at + 4), c += word(at + 8);
  c ^= b, c -= std::rotl(b, 14);
  a ^= c, a -= std::rotl(c, 11);
  b ^= a, b -= std::rotl(a, 25);
  c ^= b, c -= std::rotl(b, 16);
  a ^= c, a -= std::rotl(c, 4);
  b ^= a, b -= std::rotl(a, 14);
  c ^= b, c -= std::rotl(b, 24);
  return c;
}

struct Chunk {
  std::uint64_t address = 0, size = 0;  // absolute; its checksum included
};

// An attribute message of version 3 whose datatype is too new.
std::optional<NewerAttribute> newerAttribute(std::span<const std::byte> message) {
  constexpr std::size_t HEAD = 9;
  constexpr unsigned SHARED_TYPE = 1;
  if (message.size() < HEAD || message[0] != std::byte{3}) return std::nullopt;
  const std::size_t nameBytes = number(message.subspan(2, 2));
  if ((std::to_integer<unsigned>(message[1]) & SHARED_TYPE) != 0 || nameBytes == 0) return std::nullopt;
  if (message.size() < HEAD + nameBytes + 1) return std::nullopt;
  const unsigned version = std::to_integer<unsigned>(message[HEAD + nameBytes]) >> 4;
  if (version <= NEWEST_DATATYPE) return std::nullopt;
  const auto* name = reinterpret_cast<const char*>(message.data() + HEAD);
  return NewerAttribute{std::string(name, strnlen(name, nameBytes)),
                        message[8] == std::byte{1} ? CharacterSet::utf8 : CharacterSet::ascii, version};
}

// One object header of version 2, which files of newer libraries have, part by part.
class Header {
 public:
  Header(int descriptor, std::uint64_t superblock, ObjectId id)
      : descriptor_(descriptor), superblock_(superblock), address_(superblock + id) {}

  std::vector<NewerAttribute> hide() {
    const auto head = readChunk({address_, MAX_PREFIX});
    constexpr unsigned TIMES = 0x20, PHASES = 0x10, ORDER = 0x04;
    if (head.size() < MAX_PREFIX || std::memcmp(head.data(), "OHDR", 4) != 0) return {};
    const unsigned flags = std::to_integer<unsigned>(head[5]);
    std::size_t at = 6 + (flags & TIMES ? 16 : 0) + (flags & PHASES ? 4 : 0);
    const std::size_t sizeBytes = std::size_t{1} << (flags & 3);
    const std::uint64_t size = number(std::span(head).subspan(at, sizeBytes));
    if (size > MAX_CHUNK_BYTES) return {};
    messageHead_ = 4 + (flags & ORDER ? 2 : 0);
    at += sizeBytes;
    hideIn({address_, at + size + CHECKSUM_BYTES}, at);
    for (std::size_t i = 0; i < more_.size() && i < MAX_CHUNKS; ++i) hideIn(more_[i], 4);
    return std::move(found_);
  }

 private:
  static constexpr std::size_t MAX_PREFIX = 6 + 16 + 4 + 8;

  Bytes readChunk(Chunk chunk) const {
    if (chunk.size > MAX_CHUNK_BYTES) return {};
    Bytes bytes(chunk.size);
    bytes.resize(readRange(descriptor_, chunk.address, std::span(bytes)).value_or(0));
    return bytes;
  }

  void hideIn(Chunk chunk, std::size_t at) {
    Bytes bytes = readChunk(chunk);
    if (bytes.size() < chunk.size || bytes.size() < at + CHECKSUM_BYTES) return;
    const std::size_t end = bytes.size() - CHECKSUM_BYTES;
    const auto content = std::span(bytes).first(end);
    if (number(std::span(bytes).subspan(end)) != checksum(content)) return;  // damage is for libhdf5 to tell
    constexpr std::byte ATTRIBUTE{0x0c}, CONTINUATION{0x10}, NIL{0};
    const std::size_t before = found_.size();
    while (at + messageHead_ <= end) {
      const std::size_t size = number(content.subspan(at + 1, 2));
      if (size > end - at - messageHead_) return;
      const auto message = content.subspan(at + messageHead_, size);
      if (bytes[at] == CONTINUATION && size >= 16) {
        more_.push_back({superblock_ + number(message.first(8)), number(message.subspan(8, 8))});
      } else if (bytes[at] == ATTRIBUTE) {
        if (auto attribute = newerAttribute(message)) {
          found_.push_back(std::move(*attribute));
          bytes[at] = NIL;
        }
      }
      at += messageHead_ + size;
    }
    if (found_.size() == before) return;
    const std::uint32_t sum = checksum(content);
    for (std::size_t i = 0; i < CHECKSUM_BYTES; ++i) bytes[end + i] = static_cast<std::byte>(sum >> (8 * i));
    overlay(chunk.address, std::move(bytes));
  }

  int descriptor_;
  std::uint64_t superblock_, address_;
  std::size_t messageHead_ = 4;
  std::vector<Chunk> more_;
  std::vector<NewerAttribute> found_;
};

}  // namespace

void hideNewerAttributes(int descriptor, std::uint64_t superblock, ObjectId id) {
  if (KNOWS_ALL_DATATYPES) return;
  if (hidden.contains(id)) return;
  auto found = Header(descriptor, superblock, id).hide();
  if (!found.empty()) hidden.emplace(id, std::move(found));
}

void hideNewerAttributesOfRoot(int descriptor, std::uint64_t superblock) {
  constexpr std::size_t VERSION_AT = 8, OFFSET_SIZE_AT = 9, ROOT_AT = 36;
  std::array<std::byte, ROOT_AT + 8> bytes{};
  if (readRange(descriptor, superblock, std::span(bytes)).value_or(0) < bytes.size()) return;
  if (bytes[VERSION_AT] < std::byte{2} || bytes[OFFSET_SIZE_AT] != std::byte{8}) return;
  hideNewerAttributes(descriptor, superblock, number(std::span(bytes).subspan(ROOT_AT)));
}

const std::vector<NewerAttribute>& newerAttributes(ObjectId id) {
  static const std::vector<NewerAttribute> none;
  auto found = hidden.find(id);
  return found == hidden.end() ? none : found->second;
}

}  // namespace h5cap::hdf5
