#include "server/planner/newer-format.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "core/read-range.h"

namespace h5cap::hdf5 {

namespace {

constexpr std::size_t MAX_HEADER_BYTES = 4096;

// Messages by their type number, with the newest version that this libhdf5 knows (file format specification, IV.A.2).
struct Message {
  unsigned type;
  const char* name;
  unsigned known;
};
constexpr unsigned layoutVersion = H5_VERSION_GE(2, 0, 0) ? 5 : 4;
constexpr std::array<Message, 6> MESSAGES = {{
    {0x01, "dataspace", 2}, {0x03, "datatype", NEWEST_DATATYPE}, {0x05, "fill value", 3},
    {0x08, "data layout", layoutVersion}, {0x0b, "filter pipeline", 2}, {0x0c, "attribute", 3},
}};

std::vector<unsigned char> bytesAt(int descriptor, std::uint64_t at, std::size_t count) {
  std::vector<unsigned char> bytes(count);
  bytes.resize(readRange(descriptor, at, std::as_writable_bytes(std::span(bytes))).value_or(0));
  return bytes;
}

void addMessage(unsigned type, unsigned char first, std::string& found) {
  const auto* message =
      std::find_if(MESSAGES.begin(), MESSAGES.end(), [&](const Message& m) { return m.type == type; });
  if (message == MESSAGES.end()) return;
  unsigned version = type == 0x03 ? first >> 4 : first;  // a datatype's shares its byte with the class
  if (version <= message->known) return;
  found += (found.empty() ? "" : ", ") + std::string(message->name) + " message of version " + std::to_string(version);
}

// Version 2 of an object header; files of libraries that write newer messages have no other.
std::string messagesOf(const std::vector<unsigned char>& header) {
  constexpr std::size_t PREFIX = 6;
  constexpr unsigned TIMES = 0x20, PHASES = 0x10, ORDER = 0x04, SHARED = 0x02;
  if (header.size() < PREFIX || std::memcmp(header.data(), "OHDR", 4) != 0) return {};
  unsigned flags = header[5];
  std::size_t at = PREFIX + (flags & TIMES ? 16 : 0) + (flags & PHASES ? 4 : 0);
  std::size_t sizeBytes = std::size_t{1} << (flags & 3), left = 0;
  if (at + sizeBytes > header.size()) return {};
  for (std::size_t i = 0; i < sizeBytes; ++i) left |= std::size_t{header[at + i]} << (8 * i);
  at += sizeBytes;
  std::size_t end = at + std::min(left, header.size() - at), prefix = 4 + (flags & ORDER ? 2 : 0);
  std::string found;
  while (at + prefix < end) {
    std::size_t size = header[at + 1] | header[at + 2] << 8;
    if ((header[at + 3] & SHARED) == 0 && size > 0) addMessage(header[at], header[at + prefix], found);
    at += prefix + size;
  }
  return found;
}

}  // namespace

bool isAboutVersion(const std::string& reason) { return reason.find("version") != std::string::npos; }

std::string superblockVersion(int descriptor, std::uint64_t superblock) {
  auto bytes = bytesAt(descriptor, superblock, 9);
  return bytes.size() < 9 ? std::string() : "superblock version " + std::to_string(bytes[8]);
}

std::string newerMessages(int descriptor, std::uint64_t address) {
  return messagesOf(bytesAt(descriptor, address, MAX_HEADER_BYTES));
}

}  // namespace h5cap::hdf5
