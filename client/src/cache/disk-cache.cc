#include "client/src/cache/disk-cache.h"

#include <fcntl.h>
#include <zlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <vector>

#include "client/src/threads/guarded.h"

namespace h5cap::detail {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t USUAL_LIMIT = 10ull << 30;
constexpr std::uint64_t MAGIC = 0x3165686361703568;  // "h5pache1"
constexpr std::uint64_t LARGEST_SHARE = 4;           // of the limit: one entry is no more than this part of it
constexpr std::uint64_t SWEEP_SHARE = 16;            // after writing this part of the limit the folder is looked at
constexpr std::uint64_t SWEEP_TO_PERCENT = 90;
constexpr auto FORGOTTEN = std::chrono::hours(1);    // a temporary file this old has no writer any more
constexpr const char* TEMPORARY = ".tmp-";

struct Header {
  std::uint64_t magic = MAGIC;
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

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

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
  switch (*end) {
    case 'T': size <<= 10; [[fallthrough]];
    case 'G': size <<= 10; [[fallthrough]];
    case 'M': size <<= 10; [[fallthrough]];
    case 'K': size <<= 10; ++end; break;
    default: break;
  }
  if (*end != '\0') return {place, USUAL_LIMIT};
  return {place.substr(0, colon), size};
}

}  // namespace

std::shared_ptr<DiskCache> DiskCache::at(const std::string& place) {
  static ForkGuarded<std::map<std::string, std::shared_ptr<DiskCache>>> all;
  if (place.empty()) return nullptr;
  auto caches = all.lock();
  auto& found = (*caches)[place];
  if (!found) {
    auto [folder, limit] = parsePlace(place);
    found = std::make_shared<DiskCache>(folder, limit);
  }
  return found;
}

std::string DiskCache::nameOf(const std::string& key) const {
  char name[40];
  std::snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(hashOf(key, 0xcbf29ce484222325)),
                static_cast<unsigned long long>(hashOf(key, 0x84222325cbf29ce4)));
  return folder_ + "/" + std::string(name, 2) + "/" + name;
}

bool DiskCache::has(const std::string& key) const { return access(nameOf(key).c_str(), R_OK) == 0; }

std::optional<Bytes> DiskCache::find(const std::string& key) const {
  Descriptor file(open(nameOf(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status;
  if (file.get() < 0 || fstat(file.get(), &status) != 0 || status.st_uid != geteuid() || !S_ISREG(status.st_mode))
    return std::nullopt;
  Header header;
  if (!readFully(file.get(), &header, sizeof header) || header.magic != MAGIC || header.keyBytes != key.size())
    return std::nullopt;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof header + header.keyBytes || header.contentBytes != size - sizeof header - header.keyBytes)
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
  const std::string folder = name.substr(0, name.rfind('/'));
  if (mkdir(folder.c_str(), 0700) != 0 && errno == ENOENT) {
    std::error_code ignored;
    fs::create_directories(folder_, ignored);
    chmod(folder_.c_str(), 0700);
    mkdir(folder.c_str(), 0700);
  }
  const std::string temporary = folder + "/" + TEMPORARY + std::to_string(getpid()) + "-" + std::to_string(counter++);
  bool isWritten = false;
  {
    Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) return;
    Header header{MAGIC, key.size(), content.size(), checksumOf(key, content)};
    isWritten = writeFully(file.get(), &header, sizeof header) && writeFully(file.get(), key.data(), key.size()) &&
                writeFully(file.get(), content.data(), content.size());
  }
  if (!isWritten || rename(temporary.c_str(), name.c_str()) != 0) {
    unlink(temporary.c_str());
    return;
  }
  written_ += sizeof(Header) + key.size() + content.size();
  if (!hasSwept_.exchange(true) || written_ >= limit_ / SWEEP_SHARE) {
    written_ = 0;
    sweep();
  }
}

void DiskCache::sweep() {
  struct Entry {
    fs::file_time_type used;
    std::uint64_t size;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  std::error_code problem;
  const auto now = fs::file_time_type::clock::now();
  for (fs::recursive_directory_iterator at(folder_, problem), end; !problem && at != end; at.increment(problem)) {
    std::error_code gone;  // other processes remove, too
    if (!at->is_regular_file(gone)) continue;
    Entry entry{at->last_write_time(gone), at->file_size(gone), at->path()};
    if (gone) continue;
    if (entry.path.filename().string().rfind(TEMPORARY, 0) == 0) {
      if (now - entry.used > FORGOTTEN) fs::remove(entry.path, gone);
      continue;
    }
    total += entry.size;
    entries.push_back(std::move(entry));
  }
  if (total <= limit_) return;
  std::sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.used < b.used; });
  for (auto& entry : entries) {
    if (total <= limit_ / 100 * SWEEP_TO_PERCENT) break;
    std::error_code gone;
    fs::remove(entry.path, gone);
    total -= entry.size;
  }
}

}  // namespace h5cap::detail
