#include "client/src/cache/disk-cache.h"

#include <fcntl.h>
#include <zlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "client/src/threads/guarded.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr std::uint64_t USUAL_LIMIT = 10ull << 30;
constexpr std::uint64_t LARGEST_SHARE = 4;           // of the limit: one entry is no more than this part of it
constexpr std::uint64_t SWEEP_SHARE = 16;            // after writing this part of the limit the folder is looked at
constexpr std::uint64_t SWEEP_TO_PERCENT = 90;
constexpr std::time_t FORGOTTEN_SECONDS = 3600;      // a temporary file this old has no writer any more

struct Header {
  std::uint64_t magic = ENTRY_MAGIC;
  std::uint64_t keyBytes = 0;
  std::uint64_t contentBytes = 0;
  std::uint64_t checksum = 0;  // of key and content
};

std::uint64_t checksumOf(const std::string& key, std::span<const std::byte> content) {
  auto bytes = [](const auto& data) { return reinterpret_cast<const Bytef*>(data.data()); };
  std::uint64_t crc = crc32_z(crc32_z(0, bytes(key), key.size()), bytes(content), content.size());
  return crc << 32 | adler32_z(1, bytes(content), content.size());
}

// FNV-1a.  Keys are compared as well: two with one name are a miss, not a mistake.
std::uint64_t hashOf(const std::string& text, std::uint64_t hash) {
  for (unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

bool readFully(int fd, void* target, std::size_t size) {
  auto* at = static_cast<char*>(target);
  while (size > 0) {
    ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool writeFully(int fd, const void* source, std::size_t size) {
  auto* at = static_cast<const char*>(source);
  while (size > 0) {
    ssize_t put = write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

struct CachePlace {
  std::string folder;
  std::uint64_t limit;
};

// "DIR:SIZE" → DIR and SIZE; a colon that no size follows belongs to DIR.
CachePlace parsePlace(const std::string& place) {
  auto colon = place.rfind(':');
  if (colon == std::string::npos || colon == 0) return {place, USUAL_LIMIT};
  const char* begin = place.c_str() + colon + 1;
  char* end = nullptr;
  std::uint64_t size = std::strtoull(begin, &end, 10);
  if (end == begin || *begin == '-') return {place, USUAL_LIMIT};
  const std::size_t unit = std::string_view("KMGT").find(*end);
  const bool hasUnit = *end != '\0' && unit != std::string_view::npos;
  if (*(hasUnit ? end + 1 : end) != '\0') return {place, USUAL_LIMIT};
  const unsigned shift = hasUnit ? 10 * (static_cast<unsigned>(unit) + 1) : 0;
  constexpr std::uint64_t most = UINT64_MAX;
  return {place.substr(0, colon), size > most >> shift ? most : size << shift};
}

}  // namespace

std::shared_ptr<DiskCache> DiskCache::at(const std::string& place) {
  static ForkGuarded<std::map<std::string, std::shared_ptr<DiskCache>>> all;
  if (place.empty()) return nullptr;
  {
    auto caches = all.lock();
    auto found = caches->find(place);
    if (found != caches->end()) return found->second;
  }
  auto [folder, limit] = parsePlace(place);
  auto fresh = std::make_shared<DiskCache>(folder, limit);  // not under the lock: a disk may hang
  return all.lock()->emplace(place, std::move(fresh)).first->second;
}

DiskCache::DiskCache(std::string folder, std::uint64_t limit) : folder_(std::move(folder)), limit_(limit) {
  folder_.take();
}

std::string DiskCache::nameOf(const std::string& key) {
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(hashOf(key, 0xcbf29ce484222325)),
                static_cast<unsigned long long>(hashOf(key, 0x84222325cbf29ce4)));
  return name;
}

bool DiskCache::has(const std::string& key) const { return access(folder_.pathOf(nameOf(key)).c_str(), R_OK) == 0; }

std::optional<Bytes> DiskCache::find(const std::string& key) const {
  const std::string name = nameOf(key);
  auto shelf = folder_.shelfOf(name, CacheFolder::Missing::leave);
  if (!shelf) return std::nullopt;
  Descriptor file(openat(shelf.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0 || status.st_uid != geteuid() || !S_ISREG(status.st_mode))
    return std::nullopt;
  Header header;
  if (!readFully(file.get(), &header, sizeof header) || header.magic != ENTRY_MAGIC || header.keyBytes != key.size())
    return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof header + header.keyBytes || header.contentBytes != size - sizeof header - header.keyBytes ||
      header.contentBytes > limit_ / LARGEST_SHARE)
    return std::nullopt;
  std::string stored(header.keyBytes, '\0');
  Bytes content(header.contentBytes);
  if (!readFully(file.get(), stored.data(), stored.size()) || stored != key) return std::nullopt;
  if (!readFully(file.get(), content.data(), content.size()) || checksumOf(key, content) != header.checksum)
    return std::nullopt;
  const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  futimens(file.get(), times);  // used now
  return content;
}

void DiskCache::keep(const std::string& key, std::span<const std::byte> content) {
  if (content.size() + key.size() > limit_ / LARGEST_SHARE) return;
  static std::atomic<std::uint64_t> counter{0};
  const std::string name = nameOf(key);
  auto shelf = shelfToWrite(name);
  if (!shelf || !isOursOrAbsent(shelf, name)) return;
  const std::string temporary = temporaryName(counter++);
  bool isWritten = false;
  {
    Descriptor file(openat(shelf.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return;
    Header header{ENTRY_MAGIC, key.size(), content.size(), checksumOf(key, content)};
    isWritten = writeFully(file.get(), &header, sizeof header) && writeFully(file.get(), key.data(), key.size()) &&
                writeFully(file.get(), content.data(), content.size());
  }
  if (!isWritten || renameat(shelf.get(), temporary.c_str(), shelf.get(), name.c_str()) != 0) {
    unlinkat(shelf.get(), temporary.c_str(), 0);
    return;
  }
  written_ += sizeof(Header) + key.size() + content.size();
  if (!hasSwept_.exchange(true) || written_ >= limit_ / SWEEP_SHARE) {
    written_ = 0;
    sweep();
  }
}

// The folder may have been removed meanwhile, and is made again; one that has become somebody else's is left alone.
Descriptor DiskCache::shelfToWrite(const std::string& name) const {
  auto shelf = folder_.shelfOf(name, CacheFolder::Missing::make);
  if (shelf) return shelf;
  try {
    if (!folder_.take()) return shelf;
  } catch (const FileError&) {
    return shelf;
  }
  return folder_.shelfOf(name, CacheFolder::Missing::make);
}

void DiskCache::sweep() {
  auto kept = folder_.list();
  std::uint64_t total = 0;
  const std::time_t forgotten = std::time(nullptr) - FORGOTTEN_SECONDS;
  for (auto& file : kept) {
    if (!file.isTemporary) {
      total += file.size;
    } else if (file.used.tv_sec < forgotten) {
      folder_.remove(file);
    }
  }
  if (total <= limit_) return;
  auto age = [](auto& file) { return std::pair(file.used.tv_sec, file.used.tv_nsec); };
  std::sort(kept.begin(), kept.end(), [&](auto& a, auto& b) { return age(a) < age(b); });
  for (auto& file : kept) {
    if (total <= limit_ / 100 * SWEEP_TO_PERCENT) break;
    if (file.isTemporary) continue;
    folder_.remove(file);
    total -= file.size;
  }
}

}  // namespace h5cap::detail
