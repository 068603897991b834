// The disk cache beside files of others: what it takes for its own, what it refuses, and what it removes.  Every case
// also has it remove something, as a cache that never removed anything would pass the rest.
// Not covered: what is kept, and when the cache is asked (keeping-test.cc, tests/python/test_disk_cache.py).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/src/cache/disk-cache.h"
#include "h5cap/error.h"

using namespace h5cap;
using namespace h5cap::detail;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t LIMIT = 1 << 20;
constexpr std::uint64_t FOREIGN_BYTES = 100'000;

struct Place {
  Place() {
    char name[] = "/tmp/h5cap-folder-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Place() { fs::remove_all(path); }
  std::string path;
};

void write(const fs::path& file, std::uint64_t size, const std::string& begin = "of somebody else") {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << begin;
  fs::resize_file(file, size);
  const timespec times[2] = {{1, 0}, {1, 0}};  // used longest ago
  utimensat(AT_FDCWD, file.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

// Everything in a folder, and the sizes of files.
std::map<std::string, std::uint64_t> everything(const std::string& folder) {
  std::map<std::string, std::uint64_t> found;
  for (auto& entry : fs::recursive_directory_iterator(folder)) {
    const bool isFile = !entry.is_symlink() && entry.is_regular_file();
    found[entry.path().string()] = isFile ? entry.file_size() : 0;
  }
  return found;
}

// Of files of the cache.
std::uint64_t bytesKept(const std::string& folder) {
  std::uint64_t total = 0;
  for (auto& [path, size] : everything(folder)) {
    if (size == 0) continue;
    std::uint64_t magic = 0;
    std::ifstream(path).read(reinterpret_cast<char*>(&magic), sizeof magic);
    if (magic == ENTRY_MAGIC) total += size;
  }
  return total;
}

void keepMuch(DiskCache& cache, int first = 0) {
  for (int i = first; i < first + 40; ++i) cache.keep("key " + std::to_string(i), Bytes(100'000));
}

std::string refusalOf(const std::string& folder) {
  try {
    DiskCache cache(folder, LIMIT);
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

// As a release without markers left it.
void makeEarlier(const std::string& folder) {
  {
    DiskCache cache(folder, LIMIT);
    keepMuch(cache);
  }
  fs::remove(folder + "/.h5cap-cache");
}

}  // namespace

TEST_CASE("a folder with other things is refused, and nothing in it is touched") {
  struct Row {
    std::string what;
    std::function<void(const std::string&)> make;
  };
  const std::vector<Row> rows = {
      {"a file", [](auto& folder) { write(folder + "/notes.txt", 10); }},
      {"an empty file", [](auto& folder) { write(folder + "/notes.txt", 0); }},
      {"a folder", [](auto& folder) { fs::create_directory(folder + "/photos"); }},
      {"another cache of two digits and 32", [](auto& folder) {
         write(folder + "/ab/ab" + std::string(30, '0'), FOREIGN_BYTES);
       }},
      {"an empty folder of two digits", [](auto& folder) { fs::create_directory(folder + "/ab"); }},
      {"a link to a folder", [](auto& folder) { fs::create_directory_symlink("/etc", folder + "/ab"); }},
      {"an earlier cache, and a file beside it", [](auto& folder) {
         makeEarlier(folder);
         write(folder + "/notes.txt", 10);
       }},
      {"an earlier cache, and a file in it", [](auto& folder) {
         makeEarlier(folder);
         write(fs::directory_iterator(folder)->path() / "notes.txt", 10);
       }},
      {"a marker that is a link", [](auto& folder) { fs::create_symlink("/etc/passwd", folder + "/.h5cap-cache"); }},
  };
  for (auto& row : rows) {
    CAPTURE(row.what);
    Place place;
    row.make(place.path);
    auto before = everything(place.path);
    const std::string refusal = refusalOf(place.path);
    CHECK(refusal.find(place.path) != std::string::npos);
    CHECK(refusal.find("H5CAP_CACHE") != std::string::npos);
    CHECK_THROWS_AS(DiskCache::at(place.path + ":1M"), FileError);
    CHECK(everything(place.path) == before);
  }
  Place place;
  write(place.path + "/file", 10);
  CHECK(refusalOf(place.path + "/file") != "");
}

TEST_CASE("a folder of another user is refused") {
  if (geteuid() != 0) return;
  Place place;
  REQUIRE(chown(place.path.c_str(), 12345, 12345) == 0);
  CHECK(refusalOf(place.path).find("another user") != std::string::npos);
}

TEST_CASE("an absent folder, an empty one and an earlier cache are taken") {
  Place place;
  const std::string absent = place.path + "/a/b", empty = place.path + "/c", earlier = place.path + "/d";
  fs::create_directory(empty);
  makeEarlier(earlier);
  for (auto& folder : {absent, empty, earlier}) {
    CAPTURE(folder);
    DiskCache cache(folder, LIMIT);
    CHECK(fs::exists(folder + "/.h5cap-cache"));
    keepMuch(cache, 100);
    CHECK(cache.find("key 139").has_value());
    CHECK(bytesKept(folder) <= LIMIT);
    CHECK(bytesKept(folder) > LIMIT / 2);
    CHECK_NOTHROW(DiskCache(folder, LIMIT));  // the next process
  }
  CHECK(DiskCache(earlier, LIMIT).find("key 39") == std::nullopt);  // it went by age, as its own
  DiskCache(place.path + "/slashes//", LIMIT);
  for (std::string made : {"/a/b", "/slashes"}) {
    struct stat status;
    REQUIRE(stat((place.path + made).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
  }
}

TEST_CASE("beside its own, nothing is removed, counted or followed") {
  Place place, outside;
  const std::string folder = place.path + "/cache";
  DiskCache(folder, LIMIT);
  const std::string digits(30, '7');
  const std::vector<std::string> others = {folder + "/thesis.tex", folder + "/thesis/photo.jpg",
                                           folder + "/ab/notes.txt", folder + "/ab/ab" + digits,
                                           folder + "/ab/.tmp-1-1", folder + "/.tmp-1-1", folder + "/ab/cd/x"};
  for (auto& file : others) write(file, FOREIGN_BYTES * 10);
  // Links where entries would be: to a file, and to a folder with what looks like entries of ours.
  write(outside.path + "/file", FOREIGN_BYTES);
  const std::string entry(reinterpret_cast<const char*>(&ENTRY_MAGIC), sizeof ENTRY_MAGIC);
  write(outside.path + "/shelf/cd" + digits, FOREIGN_BYTES, entry);
  fs::create_symlink(outside.path + "/file", folder + "/ab/ab" + std::string(30, '8'));
  fs::create_directory_symlink(outside.path + "/shelf", folder + "/cd");
  for (int shelf = 0; shelf < 256; ++shelf) {  // all that are not made yet
    char name[3];
    std::snprintf(name, sizeof name, "%02x", shelf);
    const fs::path path = fs::path(folder) / name;
    if (shelf % 2 == 1 && !fs::exists(path)) fs::create_directory_symlink(outside.path, path);
  }
  REQUIRE(mkfifo((folder + "/ab/ab" + std::string(30, '9')).c_str(), 0600) == 0);
  auto before = everything(outside.path);
  auto beside = everything(folder);
  DiskCache cache(folder, LIMIT);
  keepMuch(cache);
  keepMuch(cache, 100);
  CHECK(everything(outside.path) == before);
  auto after = everything(folder);
  for (auto& [path, size] : beside) {
    CAPTURE(path);
    REQUIRE(after.count(path) == 1);
    CHECK(after[path] == size);
  }
  CHECK(bytesKept(folder) <= LIMIT + FOREIGN_BYTES);  // the control: its own were, though others take more than all
  CHECK(bytesKept(folder) > LIMIT / 2);
}

TEST_CASE("a file of somebody else's in an entry's place stays") {
  Place place;
  DiskCache cache(place.path, LIMIT);
  cache.keep("key", Bytes(1000));
  fs::path entry;
  for (auto& file : fs::recursive_directory_iterator(place.path)) {
    if (file.path().filename().string().size() == 32) entry = file.path();
  }
  REQUIRE(!entry.empty());
  fs::remove(entry);
  write(entry, FOREIGN_BYTES);
  CHECK(!cache.find("key"));
  cache.keep("key", Bytes(1000));
  CHECK(fs::file_size(entry) == FOREIGN_BYTES);
  fs::resize_file(entry, 0);  // an empty one, as a crash leaves them, is no loss
  cache.keep("key", Bytes(1000));
  CHECK(cache.find("key"));
  fs::remove(entry);
  REQUIRE(mkfifo(entry.c_str(), 0600) == 0);
  CHECK(!cache.find("key"));  // and waits for nobody
}

TEST_CASE("processes take one folder side by side") {
  Place place;
  for (int round = 0; round < 30; ++round) {
    const std::string folder = place.path + "/" + std::to_string(round);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      pid_t child = fork();
      if (child == 0) {
        int result = 1;
        try {
          DiskCache cache(folder, LIMIT);
          for (int k = 0; k < 5; ++k) cache.keep("key " + std::to_string(k), Bytes(1000));
          result = cache.find("key 4") ? 0 : 2;
        } catch (...) {
          result = 3;
        }
        _exit(result);
      }
      children.push_back(child);
    }
    for (auto child : children) {
      int status = -1;
      REQUIRE(waitpid(child, &status, 0) == child);
      CHECK(status == 0);
    }
  }
}

TEST_CASE("a folder that is removed is made again, and one that becomes somebody else's is left") {
  Place place;
  const std::string folder = place.path + "/cache";
  DiskCache cache(folder, LIMIT);
  fs::remove_all(folder);
  cache.keep("key", Bytes(1000));
  CHECK(cache.find("key"));
  fs::remove_all(folder);
  write(folder + "/notes.txt", 10);
  auto before = everything(folder);
  cache.keep("key", Bytes(1000));
  CHECK(everything(folder) == before);
}

TEST_CASE("sizes of a cache that wrap are as large as can be") {
  Place place;
  for (std::string size : {"99999999999999T", "18446744073709551615", "18446744073709551615K"}) {
    auto cache = DiskCache::at(place.path + ":" + size);
    cache->keep(size, Bytes(1000));
    CHECK(cache->find(size));
  }
}
