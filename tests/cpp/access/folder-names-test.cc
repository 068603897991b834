// Listings in pages: that they are the whole folder, whatever becomes of it meanwhile; what is kept of them, and for
// whom; and an export whose folder is replaced.  Not covered: what a listing costs (tests/faults/test_long_folders.py).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "h5cap/error.h"
#include "server/access/folder-names.h"
#include "server/access/opener.h"

using namespace h5cap;
namespace fs = std::filesystem;

namespace {

const Principals PRINCIPALS({Stock("open files", 100), Stock("bytes of objects", 1 << 20),
                             Stock("bytes of answers", 1 << 20)});

struct Folder {
  fs::path root;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  Lanes lanes{{.threads = 2}};
  kj::Own<Opener> opener;

  Folder() {
    char name[] = "/tmp/h5cap-names-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
    fs::create_directories(root / "raw/sub");
    for (int i = 0; i < 100; ++i) write("raw/f" + std::to_string(1000 + i));
    opener = makeOpener({{"raw", (root / "raw").string()}}, makeOwnUserAuthoriser(), lanes);
  }
  ~Folder() { fs::remove_all(root); }

  void write(const std::string& path) { std::ofstream(root / path) << "x"; }

  FolderPage page(std::string cursor, std::uint32_t limit) {
    auto who = PRINCIPALS.of({Authentication::none, "anyone", ~0u});
    return opener->list(kj::mv(who), "raw", {std::move(cursor), limit}).wait(io.waitScope);
  }

  // `between` is called after each page.
  template <class Between>
  std::vector<std::string> all(std::uint32_t limit, Between between) {
    std::vector<std::string> names;
    std::string cursor;
    for (int pages = 0; pages < 1000; ++pages) {
      auto got = page(cursor, limit);
      CHECK(got.entries.size() <= limit);
      for (auto& entry : got.entries) names.push_back(entry.name);
      if (got.next.empty()) return names;
      CHECK(got.next != cursor);
      CHECK_FALSE(got.entries.empty());
      cursor = got.next;
      between(pages);
    }
    FAIL("it never ends");
    return names;
  }

  std::string problem() {
    try {
      page("", 10);
    } catch (const kj::Exception& exception) {
      return exception.getDescription().cStr();
    }
    return "";
  }
};

bool isAscending(const std::vector<std::string>& names) {
  return std::is_sorted(names.begin(), names.end()) && std::set(names.begin(), names.end()).size() == names.size();
}

struct stat statusOf(const fs::path& path) {
  struct stat status;
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status;
}

std::shared_ptr<const FolderNames> namesOf(const fs::path& path) {
  kj::AutoCloseFd folder(open(path.c_str(), O_PATH | O_DIRECTORY));
  return std::make_shared<const FolderNames>(folder.get(), "folder");
}

}  // namespace

TEST_CASE("pages of any size are the whole folder, once, in order") {
  Folder folder;
  const auto whole = folder.all(1000, [](int) {});
  CHECK(whole.size() == 101);
  CHECK(isAscending(whole));
  for (std::uint32_t limit : {1, 2, 7, 50, 100, 101, 102}) CHECK(folder.all(limit, [](int) {}) == whole);
}

TEST_CASE("a folder that changes between pages gives each name that stays, once, and ends") {
  Folder folder;
  const auto whole = folder.all(1000, [](int) {});
  const auto seen = folder.all(10, [&](int page) {
    folder.write("raw/f1000-" + std::to_string(page));
    folder.write("raw/z" + std::to_string(page));
    fs::remove(folder.root / ("raw/f" + std::to_string(1090 + page % 10)));
  });
  CHECK(isAscending(seen));
  for (auto& name : whole)
    if (name < "f1090") CHECK(std::find(seen.begin(), seen.end(), name) != seen.end());
  // What is not there any more is not listed.
  CHECK(std::find(seen.begin(), seen.end(), "f1095") == seen.end());
}

TEST_CASE("a folder that is made anew, an unknown cursor and a damaged one go on behind the name") {
  Folder folder;
  auto first = folder.page("", 10);
  fs::remove_all(folder.root / "raw");
  fs::create_directories(folder.root / "raw");
  folder.write("raw/a");
  folder.write("raw/zz");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // so that it is read again, even with the same number
  auto next = folder.page(first.next, 10);
  REQUIRE(next.entries.size() == 1);
  CHECK(next.entries[0].name == "zz");
  CHECK(next.next.empty());
  CHECK(folder.page(std::string(8, '\xff') + "a", 10).entries.size() == 1);
  for (auto& cursor : {std::string("x"), std::string(8, '\0'), std::string(1, '\xff')})
    CHECK(folder.page(cursor, 10).entries.size() == 2);
}

TEST_CASE("names of what cannot be opened do not make a page that says nothing") {
  Folder folder;
  for (int i = 0; i < 3000; ++i) fs::create_symlink("nowhere", folder.root / ("raw/g" + std::to_string(10000 + i)));
  mkfifo((folder.root / "raw/fifo").c_str(), 0600);
  folder.write("raw/last");
  const auto seen = folder.all(5, [](int) {});
  CHECK(seen.size() == 102);
}

TEST_CASE("a listing that is kept is found by its number, and by whoever begins another while nothing has changed") {
  Folder folder;
  ListingsUnderWay listings;
  const auto status = statusOf(folder.root / "raw"), other = statusOf(folder.root);
  const auto number = listings.keep(status, PrincipalId(1), namesOf(folder.root / "raw"));
  using std::chrono::seconds;
  CHECK(listings.find(status, number, seconds(2)).names->size() == 101);
  CHECK(listings.find(status, number + 1, seconds(2)).names == nullptr);
  CHECK(listings.find(other, number, seconds(2)).names == nullptr);
  CHECK(listings.find(status, 0, seconds(3600)).names == nullptr);  // it may have changed without showing it
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto late = listings.keep(status, PrincipalId(1), namesOf(folder.root / "raw"));
  CHECK(listings.find(status, 0, std::chrono::milliseconds(1)).number == late);
  folder.write("raw/new");
  CHECK(listings.find(statusOf(folder.root / "raw"), 0, std::chrono::milliseconds(1)).names == nullptr);
}

TEST_CASE("who lists much makes room of their own, and all of it is bounded") {
  Folder folder;
  for (int i = 0; i < 2000; ++i) folder.write("raw/" + std::string(200, 'n') + std::to_string(i));
  const auto status = statusOf(folder.root / "raw");
  const auto names = namesOf(folder.root / "raw");
  ListingsUnderWay listings;
  const auto modest = listings.keep(status, PrincipalId(1), names);
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) last = listings.keep(status, PrincipalId(2), names);
  CHECK(1000 * names->bytes() > keptNameBytes);  // the control
  CHECK(listings.bytes() <= keptNameBytes);
  CHECK(listings.find(status, modest, std::chrono::seconds(2)).names != nullptr);
  CHECK(listings.find(status, last, std::chrono::seconds(2)).names != nullptr);
}

TEST_CASE("an export's folder that is replaced by a link is not followed") {
  Folder folder;
  const auto raw = folder.root / "raw", away = folder.root / "away";
  CHECK(folder.page("", 10).entries.size() == 10);
  fs::rename(raw, away);
  CHECK(folder.problem().find("[fileProblem]") == 0);
  for (auto& target : {fs::path("/etc"), fs::path("away"), away, fs::path("/proc/self/root/etc")}) {
    fs::create_symlink(target, raw);
    CHECK(fs::is_directory(raw));  // the control: whoever follows it gets there
    CHECK(folder.problem().find("[denied]") == 0);
    fs::remove(raw);
  }
  // Made anew, or back, it is served.
  fs::create_directories(raw);
  CHECK(folder.page("", 10).entries.empty());
  fs::remove(raw);
  fs::rename(away, raw);
  CHECK(folder.page("", 10).entries.size() == 10);
}

TEST_CASE("a folder above an export that is replaced by a link is not followed, either") {
  Folder folder;
  const auto above = fs::path(folder.root.string() + "-above");
  fs::create_directories(above);
  fs::rename(folder.root, above / "inner");
  auto opener = makeOpener({{"raw", (above / "inner/raw").string()}}, makeOwnUserAuthoriser(), folder.lanes);
  folder.opener = kj::mv(opener);
  CHECK(folder.page("", 10).entries.size() == 10);
  fs::rename(above / "inner", above / "moved");
  fs::create_symlink("moved", above / "inner");
  CHECK(folder.problem().find("[denied]") == 0);
  fs::remove_all(above);
}

TEST_CASE("a link that is given as an export is followed once, when the server begins") {
  Folder folder;
  fs::create_symlink("raw", folder.root / "given");
  const auto exported = parseExport("data=" + (folder.root / "given").string());
  CHECK(exported.folder == (fs::canonical(folder.root) / "raw").string());
  fs::remove(folder.root / "given");
  fs::create_symlink("/etc", folder.root / "given");
  folder.opener = makeOpener({exported}, makeOwnUserAuthoriser(), folder.lanes);
  auto who = PRINCIPALS.of({Authentication::none, "anyone", ~0u});
  CHECK(folder.opener->list(kj::mv(who), "data", {"", 1000}).wait(folder.io.waitScope).entries.size() == 101);
}
