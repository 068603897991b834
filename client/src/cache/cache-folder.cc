#include "client/src/cache/cache-folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr const char* MARKER = ".h5cap-cache";
constexpr std::string_view MARKER_TEXT = "A cache of h5cap (H5CAP_CACHE): its files, beside this one, may go.\n";
constexpr std::string_view TEMPORARY = ".tmp-";
constexpr std::size_t SHELF_DIGITS = 2, ENTRY_DIGITS = 32;
constexpr int MOST_ATTEMPTS = 3;  // to make a folder that others make or remove meanwhile

bool consistsOf(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == text.npos;
}

bool isHex(std::string_view text, std::size_t size) {
  return text.size() == size && consistsOf(text, "0123456789abcdef");
}

bool isEntryName(std::string_view shelf, std::string_view name) {
  return isHex(name, ENTRY_DIGITS) && name.substr(0, SHELF_DIGITS) == shelf;
}

bool isTemporaryName(std::string_view name) {
  if (name.substr(0, TEMPORARY.size()) != TEMPORARY) return false;
  name.remove_prefix(TEMPORARY.size());
  auto dash = name.find('-');
  constexpr std::string_view DIGITS = "0123456789";
  return dash != name.npos && consistsOf(name.substr(0, dash), DIGITS) && consistsOf(name.substr(dash + 1), DIGITS);
}

Descriptor openShelf(const Descriptor& folder, const std::string& shelf) {
  Descriptor opened(openat(folder.get(), shelf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status;
  if (!opened || fstat(opened.get(), &status) != 0 || status.st_uid != geteuid()) return Descriptor(-1);
  return opened;
}

// The status of a file of ours: it begins as entries do, as far as it goes.
std::optional<struct stat> ourFile(const Descriptor& shelf, const std::string& name) {
  Descriptor file(openat(shelf.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid())
    return std::nullopt;
  char begin[sizeof ENTRY_MAGIC];
  const ssize_t got = pread(file.get(), begin, sizeof begin, 0);
  const auto wanted = std::min<std::uint64_t>(sizeof begin, static_cast<std::uint64_t>(status.st_size));
  if (got < 0 || static_cast<std::uint64_t>(got) != wanted || std::memcmp(begin, &ENTRY_MAGIC, wanted) != 0)
    return std::nullopt;
  return status;
}

// Names in a folder, without "." and ".."; nothing when it cannot be read.
std::optional<std::vector<std::string>> namesIn(const Descriptor& folder) {
  const int copy = openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (!stream) {
    if (copy >= 0) close(copy);
    return std::nullopt;
  }
  std::vector<std::string> names;
  while (auto* entry = readdir(stream.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  return names;
}

bool isMarked(const Descriptor& folder) {
  struct stat status;
  return fstatat(folder.get(), MARKER, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
         status.st_uid == geteuid();
}

// Whether there is nothing in it, or what releases without markers left, and nothing else.
bool isFree(const Descriptor& folder) {
  auto shelves = namesIn(folder);
  if (!shelves) return false;
  bool hasEntry = false;
  for (auto& shelf : *shelves) {
    if (!isHex(shelf, SHELF_DIGITS)) return false;
    auto opened = openShelf(folder, shelf);
    auto names = opened ? namesIn(opened) : std::nullopt;
    if (!names) return false;
    for (auto& name : *names) {
      if (!isEntryName(shelf, name) && !isTemporaryName(name)) return false;
      auto status = ourFile(opened, name);
      if (!status) return false;
      hasEntry = hasEntry || status->st_size > 0;
    }
  }
  return shelves->empty() || hasEntry;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw FileError(path + ": cannot be the cache of h5cap, as it " + why + "; nothing in it was touched; let " +
                  "H5CAP_CACHE name a folder that is empty, or one that does not exist yet");
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

std::string temporaryName(std::uint64_t number) {
  return std::string(TEMPORARY) + std::to_string(getpid()) + "-" + std::to_string(number);
}

bool isOursOrAbsent(const Descriptor& shelf, const std::string& name) {
  struct stat status;
  if (fstatat(shelf.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  return ourFile(shelf, name).has_value();
}

CacheFolder::CacheFolder(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();  // what is made is the folder itself
}

bool CacheFolder::take() const {
  for (int attempt = 0; attempt < MOST_ATTEMPTS; ++attempt) {
    Descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
      if (errno == ENOTDIR) refuse(path_, "is no folder");
      if (errno != ENOENT) return false;
      std::error_code ignored;
      std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
      if (mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return false;
      continue;
    }
    struct stat status;
    if (fstat(folder.get(), &status) != 0) return false;
    if (status.st_uid != geteuid()) refuse(path_, "belongs to another user");
    if (isMarked(folder)) return true;
    if (!isFree(folder)) {
      if (isMarked(folder)) return true;  // another process has just taken it
      refuse(path_, "holds other things");
    }
    Descriptor marker(openat(folder.get(), MARKER, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (marker) return write(marker.get(), MARKER_TEXT.data(), MARKER_TEXT.size()) >= 0;
    if (errno != EEXIST) return false;
  }
  return false;
}

Descriptor CacheFolder::open() const {
  Descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status;
  if (!folder || fstat(folder.get(), &status) != 0 || status.st_uid != geteuid()) return Descriptor(-1);
  return folder;
}

std::string CacheFolder::pathOf(const std::string& name) const {
  return path_ + "/" + name.substr(0, SHELF_DIGITS) + "/" + name;
}

Descriptor CacheFolder::shelfOf(const std::string& name, Missing missing) const {
  auto folder = open();
  if (!folder) return folder;
  const std::string shelf = name.substr(0, SHELF_DIGITS);
  if (missing == Missing::make) {
    if (!isMarked(folder)) return Descriptor(-1);
    mkdirat(folder.get(), shelf.c_str(), 0700);
  }
  return openShelf(folder, shelf);
}

std::vector<CacheFolder::Kept> CacheFolder::list() const {
  std::vector<Kept> all;
  auto folder = open();
  if (!folder || !isMarked(folder)) return all;
  for (auto& shelf : namesIn(folder).value_or(std::vector<std::string>())) {
    if (!isHex(shelf, SHELF_DIGITS)) continue;
    auto opened = openShelf(folder, shelf);
    if (!opened) continue;
    for (auto& name : namesIn(opened).value_or(std::vector<std::string>())) {
      const bool isTemporary = isTemporaryName(name);
      if (!isTemporary && !isEntryName(shelf, name)) continue;
      auto status = ourFile(opened, name);  // nothing, too, where another process was faster
      if (status)
        all.push_back({shelf, name, static_cast<std::uint64_t>(status->st_size), status->st_mtim, isTemporary});
    }
  }
  return all;
}

void CacheFolder::remove(const Kept& kept) const {
  auto folder = open();
  if (!folder) return;
  auto shelf = openShelf(folder, kept.shelf);
  if (shelf && ourFile(shelf, kept.name)) unlinkat(shelf.get(), kept.name.c_str(), 0);
}

}  // namespace h5cap::detail
