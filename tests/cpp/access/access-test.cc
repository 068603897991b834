// Covers: what may be opened and listed beneath exports and with which errors, the search order of names in files,
// export arguments, authorise, and the lane that a path is followed in.  Does not cover mounts that really hang
// (tests/faults/test_lanes.py) or other users' permissions beyond EACCES.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "h5cap/error.h"
#include "server/base/principal.h"
#include "server/access/opener.h"
#include "server/access/opening-lanes.h"

using namespace h5cap;
namespace fs = std::filesystem;

namespace {

const Identity ANYONE{Authentication::none, "anyone", ~0u};

const Principals PRINCIPALS({Stock("open files", 100), Stock("bytes of objects", 1 << 20),
                             Stock("bytes of answers", 1 << 20)});

const Lanes LANES({.threads = 2});

kj::Own<const Principal> anyone() { return PRINCIPALS.of(ANYONE); }

struct Tree {
  fs::path root;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  Lanes lanes{{.threads = 2}};
  kj::Own<Opener> opener;

  Tree() {
    char name[] = "/tmp/h5cap-access-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
    fs::create_directories(root / "raw/run42/deep");
    fs::create_directories(root / "proc");
    write("raw/run42/scan.nxs", "scan");
    write("raw/.hidden.h5", "h");
    write("raw/Größe ünd #1 [x].h5", "odd");
    write("raw/bad\xff.h5", "bytes");
    write("secret.h5", "secret");
    write("proc/out.h5", "out");
    mkfifo((root / "raw/fifo").c_str(), 0600);
    fs::create_symlink("run42/scan.nxs", root / "raw/link.nxs");
    fs::create_symlink("../scan.nxs", root / "raw/run42/deep/up.nxs");
    fs::create_symlink("../secret.h5", root / "raw/escape.h5");
    fs::create_symlink("../nothing.h5", root / "raw/escape-nowhere.h5");
    fs::create_symlink(root / "secret.h5", root / "raw/absolute.h5");
    fs::create_symlink("nothing.h5", root / "raw/dangling.h5");
    fs::create_symlink("loop.h5", root / "raw/loop.h5");
    fs::create_symlink("..", root / "raw/parent");
    fs::create_symlink("/proc/self/root", root / "raw/magic");
    opener = makeOpener({{"raw", (root / "raw").string()}, {"proc", (root / "proc").string()}},
                        makeOwnUserAuthoriser(), lanes);
  }
  ~Tree() { fs::remove_all(root); }

  void write(const std::string& path, const std::string& content) { std::ofstream(root / path) << content; }

  std::string read(const std::string& path) {
    auto opened = opener->open(anyone(), path, rpc::Access::READ).wait(io.waitScope);
    CHECK(opened->requestedPath == path);
    char buffer[64];
    ssize_t size = ::read(opened->file->get(), buffer, sizeof buffer);
    CHECK(static_cast<std::uint64_t>(size) == opened->stamp.state.size);
    return opened->finalPath + " " + std::string(buffer, size);
  }

  template <class T>
  ErrorText errorOf(kj::Promise<T> promise) {
    try {
      promise.wait(io.waitScope);
    } catch (const kj::Exception& exception) {
      return parseError(exception.getDescription().cStr());
    }
    return {ErrorCode::failed, "no error"};
  }

  std::string names(const std::string& path) {
    std::string text;
    for (auto& entry : opener->list(anyone(), path, {}).wait(io.waitScope).entries)
      text += entry.name + (entry.isDirectory ? "/ " : " ");
    return text;
  }
};

}  // namespace

TEST_CASE("files open by the names they have, links within the export included") {
  Tree tree;
  CHECK(tree.read("raw/run42/scan.nxs") == "raw/run42/scan.nxs scan");
  CHECK(tree.read("raw//./run42/scan.nxs") == "raw/run42/scan.nxs scan");
  CHECK(tree.read("raw/link.nxs") == "raw/run42/scan.nxs scan");
  CHECK(tree.read("raw/run42/deep/up.nxs") == "raw/run42/scan.nxs scan");
  CHECK(tree.read("raw/.hidden.h5") == "raw/.hidden.h5 h");
  CHECK(tree.read("raw/Größe ünd #1 [x].h5") == "raw/Größe ünd #1 [x].h5 odd");
  CHECK(tree.read("raw/bad\xff.h5") == "raw/bad\xff.h5 bytes");
}

TEST_CASE("what may not or cannot be opened") {
  Tree tree;
  struct Case {
    std::string path;
    ErrorCode code;
  };
  for (auto& [path, code] : std::initializer_list<Case>{
           {"raw/none.h5", ErrorCode::notFound},
           {"raw/run42/scan.nxs/below", ErrorCode::notFound},
           {"raw/dangling.h5", ErrorCode::notFound},
           {"nowhere/scan.nxs", ErrorCode::notFound},
           {"", ErrorCode::notFound},
           {"/raw/run42/scan.nxs", ErrorCode::notFound},
           {std::string("raw/run42/scan.nxs\0.h5", 22), ErrorCode::notFound},
           {"raw/" + std::string(300, 'x'), ErrorCode::notFound},
           {"raw/../secret.h5", ErrorCode::denied},
           {"raw/run42/../link.nxs", ErrorCode::denied},
           {"../raw/run42/scan.nxs", ErrorCode::denied},
           {"raw/escape.h5", ErrorCode::denied},
           {"raw/escape-nowhere.h5", ErrorCode::denied},
           {"raw/absolute.h5", ErrorCode::denied},
           {"raw/loop.h5", ErrorCode::denied},
           {"raw/parent/secret.h5", ErrorCode::denied},
           {"raw/parent/none.h5", ErrorCode::denied},
           {"raw/magic/etc/passwd", ErrorCode::denied},
           {"raw", ErrorCode::fileProblem},
           {"raw/run42", ErrorCode::fileProblem},
           {"raw/fifo", ErrorCode::fileProblem},
       }) {
    CAPTURE(path);
    auto error = tree.errorOf(tree.opener->open(anyone(), path, rpc::Access::READ));
    CHECK(error.code == code);
    CHECK(error.message.find(tree.root.string()) == std::string::npos);
  }
  // A link out of the export says the same whether or not it leads anywhere.
  auto reason = [&](const std::string& path) {
    return tree.errorOf(tree.opener->open(anyone(), path, rpc::Access::READ)).message.substr(path.size());
  };
  CHECK(reason("raw/parent/secret.h5") == reason("raw/parent/nothing"));
  CHECK(reason("raw/escape.h5") == reason("raw/escape-nowhere.h5"));
  CHECK(tree.errorOf(tree.opener->open(anyone(), "raw/run42", rpc::Access::READ)).message ==
        "raw/run42: is a directory");
}

TEST_CASE("absolute links within the exports were denied") {
  Tree tree;
  fs::create_directories(tree.root / "raw/2026/raw/run7");
  tree.write("raw/2026/raw/run7/scan.nxs", "seven");
  fs::create_symlink(tree.root / "raw/2026/raw", tree.root / "raw/now");
  fs::create_symlink(tree.root / "raw/now/run7", tree.root / "raw/last");                  // through another one
  fs::create_symlink("run7/scan.nxs", tree.root / "raw/2026/raw/newest.nxs");
  fs::create_symlink(tree.root / "raw/now/../raw/newest.nxs", tree.root / "raw/dots.nxs");  // ".." of where "now" leads
  fs::create_symlink(tree.root / "proc/out.h5", tree.root / "raw/processed.h5");           // another export
  fs::create_symlink("../proc", tree.root / "raw/processed");
  fs::create_symlink(tree.root / "raw/none", tree.root / "raw/to-nothing");
  fs::create_symlink(tree.root / "raw/circle2", tree.root / "raw/circle1");
  fs::create_symlink(tree.root / "raw/circle1", tree.root / "raw/circle2");
  fs::create_symlink(tree.root / "raw/../secret.h5", tree.root / "raw/out-by-dots.h5");
  fs::create_symlink(tree.root / "raw/now/../../../secret.h5", tree.root / "raw/out-by-more-dots.h5");
  fs::create_symlink(tree.root / "raw/escape.h5", tree.root / "raw/out-by-another.h5");
  fs::create_symlink(tree.root / "rawer", tree.root / "raw/beside");
  const std::pair<const char*, const char*> table[] = {
      {"raw/now/run7/scan.nxs", "raw/2026/raw/run7/scan.nxs seven"},
      {"raw/last/scan.nxs", "raw/2026/raw/run7/scan.nxs seven"},
      {"raw/now/newest.nxs", "raw/2026/raw/run7/scan.nxs seven"},
      {"raw/dots.nxs", "raw/2026/raw/run7/scan.nxs seven"},
      {"raw/processed.h5", "proc/out.h5 out"},
      {"raw/processed/out.h5", "proc/out.h5 out"},
  };
  for (auto& [path, expected] : table) {
    CAPTURE(path);
    CHECK(tree.read(path) == expected);
  }
  CHECK(tree.names("raw/now") == "newest.nxs run7/ ");
  CHECK(tree.names("raw").find("last/") != std::string::npos);
  CHECK(tree.names("raw").find("processed.h5 ") != std::string::npos);
  CHECK(tree.names("raw").find("out-by-dots.h5") == std::string::npos);
  for (const char* path : {"raw/out-by-dots.h5", "raw/out-by-more-dots.h5", "raw/out-by-another.h5", "raw/beside/x",
                           "raw/circle1", "raw/circle1/x", "raw/parent/proc/out.h5", "raw/absolute.h5/x"}) {
    CAPTURE(path);
    CHECK(tree.errorOf(tree.opener->open(anyone(), path, rpc::Access::READ)).code == ErrorCode::denied);
  }
  CHECK(tree.errorOf(tree.opener->open(anyone(), "raw/to-nothing", rpc::Access::READ)).code == ErrorCode::notFound);
  CHECK(tree.errorOf(tree.opener->open(anyone(), "raw/now/none", rpc::Access::READ)).code == ErrorCode::notFound);
  CHECK(tree.errorOf(tree.opener->open(anyone(), "raw/processed.h5/x", rpc::Access::READ)).code == ErrorCode::notFound);
}

TEST_CASE("whether there is a directory is told without listing it") {
  Tree tree;
  for (const char* path : {"", "raw", "raw/run42/", "proc"})
    tree.opener->openDirectory(anyone(), path).wait(tree.io.waitScope);
  CHECK(tree.errorOf(tree.opener->openDirectory(anyone(), "raw/link.nxs")).code == ErrorCode::fileProblem);
  CHECK(tree.errorOf(tree.opener->openDirectory(anyone(), "raw/none")).code == ErrorCode::notFound);
  CHECK(tree.errorOf(tree.opener->openDirectory(anyone(), "raw/parent")).code == ErrorCode::denied);
  Identity stranger{Authentication::unixPeer, "eve", geteuid() + 1};
  CHECK(tree.errorOf(tree.opener->openDirectory(PRINCIPALS.of(stranger), "")).code == ErrorCode::denied);
  CHECK(tree.errorOf(tree.opener->openDirectory(PRINCIPALS.of(stranger), "raw")).code == ErrorCode::denied);
}

TEST_CASE("an identity without rights learns nothing") {
  Tree tree;
  Identity stranger{Authentication::unixPeer, "eve", geteuid() + 1};
  for (std::string path : {"raw/run42/scan.nxs", "raw/none.h5", "raw/escape.h5", "raw/run42", "nowhere", "raw/../x"}) {
    CAPTURE(path);
    auto error = tree.errorOf(tree.opener->open(PRINCIPALS.of(stranger), path, rpc::Access::READ));
    CHECK(error.code == ErrorCode::denied);
    CHECK(error.message == path + ": not allowed for eve");
    CHECK(tree.errorOf(tree.opener->list(PRINCIPALS.of(stranger), path, {})).message == path + ": not allowed for eve");
  }
  CHECK(tree.errorOf(tree.opener->list(PRINCIPALS.of(stranger), "", {})).code == ErrorCode::denied);
}

TEST_CASE("authorise: the server's own user on its socket and on standard streams, anyone on insecure TCP") {
  auto authoriser = makeOwnUserAuthoriser();
  auto allowed = [&](const Identity& identity, rpc::Access access = rpc::Access::READ) {
    try {
      const auto principal = PRINCIPALS.of(identity);
      const Grant grant = authoriser->authorise({*principal, "raw/a", "raw/b", access});
      CHECK(grant.path() == "raw/b");
      return grant.covers(access);
    } catch (const Denied&) {
      return false;
    }
  };
  CHECK(allowed(ANYONE));
  CHECK(allowed({Authentication::unixPeer, "me", geteuid()}));
  CHECK(allowed({Authentication::standardStreams, "me", ~0u}));
  CHECK(!allowed({Authentication::unixPeer, "other", geteuid() + 1}));
  CHECK(!allowed({Authentication::unixPeer, "anyone", ~0u}));
  CHECK(!allowed({}));
  CHECK(!allowed(ANYONE, rpc::Access::WRITE));
}

TEST_CASE("listings are in name order, with hidden files and without what cannot be opened") {
  Tree tree;
  CHECK(tree.names("") == "proc/ raw/ ");
  CHECK(tree.names("raw") == ".hidden.h5 Größe ünd #1 [x].h5 bad\xff.h5 link.nxs run42/ ");
  CHECK(tree.names("raw/run42/") == "deep/ scan.nxs ");
  CHECK(tree.names("raw/run42/deep") == "up.nxs ");
  auto entry = tree.opener->list(anyone(), "proc", {}).wait(tree.io.waitScope).entries.at(0);
  CHECK(entry.size == 3);
  CHECK(entry.modifiedNs > 1'000'000'000'000'000'000);
  CHECK(tree.errorOf(tree.opener->list(anyone(), "raw/link.nxs", {})).message == "raw/link.nxs: is not a directory");
  CHECK(tree.errorOf(tree.opener->list(anyone(), "raw/none", {})).code == ErrorCode::notFound);
  CHECK(tree.errorOf(tree.opener->list(anyone(), "raw/parent", {})).code == ErrorCode::denied);
}

TEST_CASE("a stamp tells every change of a file") {
  Tree tree;
  auto open = [&] {
    return tree.opener->open(anyone(), "proc/out.h5", rpc::Access::READ).wait(tree.io.waitScope)->stamp.state;
  };
  FileState before = open();
  CHECK(open() == before);
  CHECK(open().version() == before.version());
  usleep(20'000);
  tree.write("proc/out.h5", "new");  // the same size
  FileState written = open();
  CHECK(written.version() != before.version());
  fs::rename(tree.root / "secret.h5", tree.root / "proc/out.h5");
  CHECK(open().version() != written.version());
}

TEST_CASE("names in files are tried in HDF5's order, and whether that leads outside is told") {
  Tree tree;
  auto at = [&](const std::string& name) { return (tree.root / name).string(); };
  auto inside = [](std::vector<std::string> paths) { return Places{std::move(paths), Outside::none}; };
  auto leading = [](std::vector<std::string> paths) { return Places{std::move(paths), Outside::some}; };
  const struct {
    std::string name;
    Places expected;
  } table[] = {
      {"data.h5", inside({"raw/run42/data.h5"})},
      {"./deep/data.h5", inside({"raw/run42/deep/data.h5"})},
      {"../a/../b.h5", inside({"raw/b.h5"})},
      {at("raw/x/data.h5"), inside({"raw/x/data.h5", "raw/run42/data.h5"})},
      {at("raw/run42/data.h5"), inside({"raw/run42/data.h5"})},
      {"../../proc/out.h5", inside({"proc/out.h5"})},  // another export
      {"../..//rawer/../raw/x.h5", inside({"raw/x.h5"})},
      {"..", inside({"raw"})},
      {"/elsewhere/data.h5", leading({"raw/run42/data.h5"})},
      {"/etc/passwd", leading({"raw/run42/passwd"})},
      {at("rawer/data.h5"), leading({"raw/run42/data.h5"})},  // not in "raw"
      {at("raw/../secret.h5"), leading({"raw/run42/secret.h5"})},
      {"../../secret.h5", leading({})},
      {"../../../../../../../../etc/passwd", leading({})},
      {"/", leading({})},
      {"", inside({})},
      {std::string("a\0b", 3), inside({})},
      {std::string("/a\0b", 4), inside({})},
  };
  for (auto& [name, expected] : table) {
    CAPTURE(name);
    const Places found = tree.opener->candidates("raw/run42/scan.nxs", name);
    CHECK(found.inside == expected.inside);
    CHECK(found.outside == expected.outside);
  }
  CHECK(tree.opener->candidates("raw/top.h5", "x.h5") == inside({"raw/x.h5"}));

  auto whole = makeOpener({wholeHost()}, makeOwnUserAuthoriser(), LANES);
  CHECK(whole->candidates("/data/run/a.h5", "../b.h5") == inside({"/data/b.h5"}));
  CHECK(whole->candidates("/data/run/a.h5", "../../../../b.h5") == inside({"/b.h5"}));
  CHECK(whole->candidates("/data/run/a.h5", "/x/b.h5") == inside({"/x/b.h5", "/data/run/b.h5"}));
  CHECK(whole->candidates("/data/run/a.h5", "/") == inside({"/"}));
}

TEST_CASE("names of raw files lead where they say, and nowhere else") {
  Tree tree;
  auto from = [&](const std::string& name) { return tree.opener->rawCandidates("raw/run42/scan.nxs", name); };
  CHECK(from("frames.raw") == Places{{"raw/run42/frames.raw"}, Outside::none});
  CHECK(from((tree.root / "proc/frames.raw").string()) == Places{{"proc/frames.raw"}, Outside::none});
  CHECK(from("/elsewhere/frames.raw") == Places{{}, Outside::some});
  CHECK(from("../../frames.raw") == Places{{}, Outside::some});
  CHECK(from("") == Places{{}, Outside::none});
}

TEST_CASE("of nested exports, each has a place; two searches go one behind the other") {
  Tree tree;
  auto nested = makeOpener({{"all", (tree.root / "raw").string()}, {"run", (tree.root / "raw/run42").string()}},
                           makeOwnUserAuthoriser(), LANES);
  Places places = nested->candidates("run/scan.nxs", "data.h5");
  CHECK(places == Places{{"run/data.h5", "all/run42/data.h5"}, Outside::none});
  CHECK(nested->candidates("run/scan.nxs", "../data.h5") == Places{{"all/data.h5"}, Outside::none});
  places.add(nested->candidates("all/top.h5", "run42/data.h5"));
  CHECK(places == Places{{"run/data.h5", "all/run42/data.h5"}, Outside::none});
  places.add(nested->candidates("all/top.h5", "/elsewhere/data.h5"));
  CHECK(places == Places{{"run/data.h5", "all/run42/data.h5", "all/data.h5"}, Outside::some});
  places.add(nested->candidates("all/top.h5", "data.h5"));
  CHECK(places.outside == Outside::some);
}

TEST_CASE("names in files may lead through the symbolic link that an export was named by") {
  Tree tree;
  fs::create_directory_symlink("raw", tree.root / "beamline");
  auto opener = makeOpener({parseExport("now=" + (tree.root / "beamline").string())}, makeOwnUserAuthoriser(), LANES);
  auto from = [&](const std::string& name) { return opener->candidates("now/run42/scan.nxs", name); };
  const Places inside{{"now/other/data.h5", "now/run42/data.h5"}, Outside::none};
  CHECK(from((tree.root / "beamline/other/data.h5").string()) == inside);
  CHECK(from((tree.root / "raw/other/data.h5").string()) == inside);
  CHECK(from((tree.root / "beamline-2/data.h5").string()).outside == Outside::some);
  CHECK(from((tree.root / "beamline/../secret.h5").string()).outside == Outside::some);
}

TEST_CASE("the whole filesystem is served by absolute paths") {
  Tree tree;
  auto whole = makeOpener({wholeHost()}, makeOwnUserAuthoriser(), LANES);
  std::string path = (tree.root / "raw/absolute.h5").string();
  auto opened = whole->open(anyone(), path, rpc::Access::READ).wait(tree.io.waitScope);
  CHECK(opened->finalPath == (tree.root / "secret.h5").string());
  auto entries = whole->list(anyone(), (tree.root / "proc").string(), {}).wait(tree.io.waitScope).entries;
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].name == "out.h5");
  CHECK(whole->list(anyone(), "/", {}).wait(tree.io.waitScope).entries.size() > 5);
  CHECK(tree.errorOf(whole->open(anyone(), (tree.root / "none").string(), rpc::Access::READ)).code ==
        ErrorCode::notFound);
}

TEST_CASE("export arguments") {
  Tree tree;
  std::string raw = (tree.root / "raw").string();
  auto is = [](const Export& one, const std::string& name, const std::string& folder) {
    return one.name == name && one.folder == folder;
  };
  CHECK(is(parseExport(raw), "raw", raw));
  CHECK(is(parseExport(raw + "/"), "raw", raw));
  CHECK(is(parseExport("beam line=" + raw), "beam line", raw));
  CHECK(is(parseExport("root=/"), "root", "/"));
  fs::create_directories(tree.root / "run=5");
  CHECK(is(parseExport((tree.root / "run=5").string()), "run=5", (tree.root / "run=5").string()));
  std::vector<Export> exports{parseExport(raw), parseExport("other=" + raw)};
  setSettleTime(exports, "0.5");
  setSettleTime(exports, "other=10");
  CHECK(exports[0].settle == std::chrono::milliseconds(500));
  CHECK(exports[1].settle == std::chrono::seconds(10));
  for (const char* bad : {"", "-1", "1s", "nan", "86401", "none=1", "other=", "=1"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(setSettleTime(exports, bad), std::invalid_argument);
  }
  for (std::string bad : {std::string(""), std::string("/"), "a/b=" + raw, "=" + raw, "..=" + raw, std::string("x="),
                          raw + "/none", (tree.root / "secret.h5").string()}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parseExport(bad), std::invalid_argument);
  }
  CHECK_THROWS_AS(makeOpener({{"a", raw}, {"a", raw}}, makeOwnUserAuthoriser(), LANES), std::invalid_argument);
}

TEST_CASE("paths are followed in the lane of the device that they lead to, as far as that is known") {
  using namespace std::chrono_literals;
  using Folder = OpeningLanes::Folder;
  const Lanes lanes({.openingTime = 20ms});
  OpeningLanes opening(lanes);
  const Export raw{"raw", "/raw"}, other{"other", "/other"};
  auto choose = [&](const char* inside) { return opening.choose({&raw, inside}, LaneUse::opening); };
  auto idOf = [&](std::uint64_t device) { return LaneId{LaneUse::opening, "raw", device, ""}; };

  const auto first = choose("a/b/x.h5");
  CHECK(first.folder == Folder::unknown);
  CHECK(first.lane == choose("c/y.h5").lane);  // nobody knows
  opening.learnFolder({&raw, "."}, 1);
  opening.learnFolder({&raw, "a"}, 2);
  CHECK(choose("x.h5").lane.id() == idOf(1));
  CHECK(choose("a/x.h5").lane.id() == idOf(2));
  CHECK(choose("a/x.h5").folder == Folder::known);
  CHECK(choose("a/b/x.h5").folder == Folder::unknown);
  CHECK_FALSE(choose("a/b/x.h5").lane == choose("c/x.h5").lane);  // as below as is known
  CHECK_FALSE(choose("a/b/x.h5").lane == choose("a/x.h5").lane);

  SUBCASE("a link to another device is known by itself") {
    opening.learn({&raw, "a/x.h5"}, 2);
    opening.learn({&raw, "a/link.h5"}, 3);
    CHECK(choose("a/link.h5").lane.id() == idOf(3));
    CHECK(choose("a/y.h5").lane.id() == idOf(2));
    opening.learn({&raw, "a/link.h5"}, 2);  // and leads elsewhere later
    CHECK(choose("a/link.h5").lane.id() == idOf(2));
  }
  SUBCASE("what hangs is apart, with all that is below it") {
    auto asking = kj::heap<OpeningLanes::Asking>(opening, ExportPath{&raw, "a/b/x.h5"});
    asking->at("a/b");
    CHECK_FALSE(opening.hung({&raw, "a/b/y.h5"}));  // not yet
    std::this_thread::sleep_for(30ms);
    CHECK(opening.hung({&raw, "a/b"}) == "a/b");
    CHECK(choose("a/b/y.h5").apart == "a/b");
    CHECK(choose("a/b/c/y.h5").lane == choose("a/b/z.h5").lane);
    CHECK(choose("a/bc/y.h5").apart == "");
    CHECK(choose("a/x.h5").lane.id() == idOf(2));
    CHECK_FALSE(opening.hung({&other, "a/b/y.h5"}));
    asking = nullptr;
    CHECK_FALSE(opening.hung({&raw, "a/b/y.h5"}));
  }
  SUBCASE("a folder of which several files hang is apart, and what is below it is not") {
    OpeningLanes::Asking one(opening, {&raw, "a/1.h5"});
    std::this_thread::sleep_for(30ms);
    CHECK(choose("a/3.h5").apart == "");
    OpeningLanes::Asking two(opening, {&raw, "a/2.h5"});
    std::this_thread::sleep_for(30ms);
    CHECK(choose("a/1.h5").apart == "a/1.h5");
    CHECK(choose("a/3.h5").apart == "a");
    CHECK(choose("a/d/3.h5").apart == "");
    CHECK(choose("3.h5").apart == "");
  }
  SUBCASE("what is known is bounded") {
    for (int i = 0; i < 2'000; ++i) opening.learnFolder({&raw, std::string(1'000, 'x') + std::to_string(i)}, 7);
    CHECK_FALSE(opening.deviceOf({&raw, std::string(1'000, 'x') + "0"}));
    CHECK(opening.deviceOf({&raw, std::string(1'000, 'x') + "1999"}) == 7);
  }
}
