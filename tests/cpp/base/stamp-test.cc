// Covers what a stamp is worth: judged by clocks that tick, are coarse or wrong, by what the kernel says of writers,
// and by having watched.  Does not cover what versions make of it (tests/cpp/objects/versions-test.cc).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "server/base/shared-file.h"

using namespace h5cap;
using namespace std::chrono_literals;

namespace {

const Lanes LANES({});

constexpr std::int64_t NOW = 1'790'000'000'123'456'789;

struct Case {
  const char* name;
  std::chrono::nanoseconds age;      // of the last change, by the file's time and our clock
  std::chrono::nanoseconds watched;  // for how long it was seen so
  Writers writers;
  FileSystemKind fileSystem;
  Stability expected;
};

Stability judged(const Case& one, std::chrono::nanoseconds settle = 2s, std::int64_t unit = 1) {
  const std::int64_t changed = (NOW - one.age.count()) / unit * unit;
  return judge({{{1, 2}, 100, changed, changed}, NOW, one.watched, one.writers, one.fileSystem}, settle);
}

constexpr auto local = FileSystemKind::local, remote = FileSystemKind::remote;
constexpr auto hidden = Stability::hidden, visible = Stability::visible, settled = Stability::settled;

// A file of its own, gone with the object.
struct TemporaryFile {
  TemporaryFile() {
    char name[] = "/tmp/h5cap-stamp-XXXXXX";
    writer = kj::AutoCloseFd(mkstemp(name));
    path = name;
  }
  ~TemporaryFile() { unlink(path.c_str()); }
  kj::AutoCloseFd open(int flags) { return kj::AutoCloseFd(::open(path.c_str(), flags | O_CLOEXEC)); }

  std::string path;
  kj::AutoCloseFd writer;
};

}  // namespace

TEST_CASE("a stamp is believed as far as clock, kernel and watching allow") {
  const Case cases[] = {
      {"just changed, nobody writes", 5ms, 0s, Writers::none, local, hidden},
      {"a tick ago, nobody writes", 25ms, 0s, Writers::none, local, settled},
      {"a tick ago, somebody has it open", 25ms, 0s, Writers::some, local, visible},
      {"a year ago, somebody has it open", 8760h, 0s, Writers::some, local, visible},
      {"a tick ago, the kernel does not tell", 25ms, 0s, Writers::unknown, local, visible},
      {"the settle time ago, the kernel does not tell", 2s, 0s, Writers::unknown, local, settled},
      {"remote, seconds ago by a clock that may be wrong", 10s, 0s, Writers::unknown, remote, hidden},
      {"remote, and watched for a tick", 10s, 25ms, Writers::unknown, remote, visible},
      {"remote, and watched for the settle time", 10s, 2s, Writers::unknown, remote, settled},
      {"remote, changed long ago by any clock", 1h, 0s, Writers::unknown, remote, settled},
      {"remote, where the kernel knows one host only", 10s, 25ms, Writers::none, remote, visible},
      {"in the future by the file's clock", -1h, 0s, Writers::none, local, hidden},
      {"in the future, and watched", -1h, 25ms, Writers::none, local, settled},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    CHECK(judged(one) == one.expected);
  }
}

TEST_CASE("times that count in milliseconds or more are taken to count in two seconds") {
  for (std::int64_t unit : {1'000'000'000ll, 100'000'000ll, 250'000'000ll, 10'000'000ll, 4'000'000ll}) {
    CAPTURE(unit);
    CHECK(judged({"", 1900ms - std::chrono::nanoseconds(unit), 0s, Writers::none, local, hidden}, 0s, unit) == hidden);
    CHECK(judged({"", 2001ms, 0s, Writers::none, local, settled}, 0s, unit) == settled);
    CHECK(judged({"", 10ms, 2s, Writers::none, local, settled}, 0s, unit) == settled);  // watched for that long
  }
  CHECK(judged({"", 25ms, 0s, Writers::none, local, settled}) == settled);  // the control: a fine clock
}

TEST_CASE("an export's settle time is what counts where the kernel does not tell") {
  const Case one{"", 5s, 0s, Writers::unknown, local, visible};
  CHECK(judged(one, 10s) == visible);
  CHECK(judged(one, 5s) == settled);
  CHECK(judged(one, 0s) == settled);
}

TEST_CASE("a modification time that was set to a time to come says nothing") {
  const std::int64_t changed = NOW - 1'000'000'003;
  CHECK(judge({{{1, 2}, 100, NOW + 1'000'000'000'000, changed}, NOW, 0s, Writers::none, local}, 2s) == settled);
}

TEST_CASE("the kernel tells of writers, mappings included, and of nobody when they are gone") {
  TemporaryFile file;
  auto reader = file.open(O_RDONLY);
  if (fileSystemOf(reader) == remote) return;
  REQUIRE(write(file.writer, "12345678", 8) == 8);
  CHECK(writersOf(reader) == Writers::some);
  void* mapped = mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file.writer, 0);
  REQUIRE(mapped != MAP_FAILED);
  file.writer = nullptr;
  CHECK(writersOf(reader) == Writers::some);
  munmap(mapped, 8);
  CHECK(writersOf(reader) == Writers::none);
  auto other = file.open(O_RDONLY);
  CHECK(writersOf(reader) == Writers::none);  // readers do not count
}

TEST_CASE("a writer opens a file ten thousand times beside the question, and never fails") {
  TemporaryFile file;
  file.writer = nullptr;
  auto reader = file.open(O_RDONLY);
  std::atomic<bool> isDone{false};
  std::atomic<unsigned> asked{0};
  std::thread asking([&] {
    for (; !isDone; ++asked) writersOf(reader);
  });
  unsigned failed = 0;
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < 10'000; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    auto writer = file.open(O_RDWR);
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - begun);
    failed += writer.get() < 0 || pwrite(writer, "x", 1, i % 8) != 1;
  }
  isDone = true;
  asking.join();
  CHECK(failed == 0);
  CHECK(asked > 1000);
  CHECK(longest < 5s);  // a lease that is not given back holds writers up for 45 s
}

TEST_CASE("an open file is looked at, and settles once it rests") {
  TemporaryFile file;
  auto shared = kj::atomicRefcounted<SharedFile>(file.open(O_RDONLY), 0ns, LANES.of({}));
  REQUIRE(write(file.writer, "1", 1) == 1);
  const Stamp young = shared->look();
  CHECK(young.state.size == 1);
  CHECK(young.stability != settled);
  CHECK(hiddenFor(young) <= 2s);
  file.writer = nullptr;
  std::this_thread::sleep_for(2100ms);  // whatever the file system's clock
  const Stamp old = shared->look();
  CHECK(old.state == young.state);
  CHECK(old.stability == settled);
  CHECK(old.takenNs > young.takenNs);

  // What is settled stays so, even while somebody has it open: who begins to change it shows it first.
  auto writer = file.open(O_RDWR);
  CHECK(shared->look().stability == settled);
  REQUIRE(pwrite(writer, "2", 1, 0) == 1);
  CHECK(shared->look().stability != settled);
  CHECK(shared->look().state != old.state);
}

TEST_CASE("a file that is found where files settle later took the sooner time") {
  TemporaryFile file;
  REQUIRE(write(file.writer, "1", 1) == 1);
  file.writer = nullptr;
  auto shared = kj::atomicRefcounted<SharedFile>(file.open(O_RDONLY), 0ns, LANES.of({}));
  std::this_thread::sleep_for(2100ms);
  REQUIRE(shared->look().stability == settled);
  shared->settleNoSooner(0ns);  // the control
  CHECK(shared->look().stability == settled);
  shared->settleNoSooner(1h);
  CHECK(shared->settle() == 1h);
  const bool kernelTells = writersOf(file.open(O_RDONLY)) != Writers::unknown;
  CHECK(shared->look().stability == (kernelTells ? settled : visible));
  shared->settleNoSooner(1s);
  CHECK(shared->settle() == 1h);
}

TEST_CASE("every part of a state is in its version") {
  const FileState state{{1, 2}, 3, 4, 5};
  FileState other = state;
  CHECK(other.version() == state.version());
  for (auto change : {+[](FileState& s) { ++s.id.device; }, +[](FileState& s) { ++s.id.inode; },
                      +[](FileState& s) { ++s.size; }, +[](FileState& s) { ++s.modifiedNs; },
                      +[](FileState& s) { ++s.changedNs; }}) {
    other = state;
    change(other);
    CHECK(other.version() != state.version());
  }
}
