// What is kept from one time to the next: tiles of a region, and snapshots as bytes; damaged ones count as absent.
// Not covered: when the cache is asked at all, and processes beside each other (tests/python/test_disk_cache.py).
#include <capnp/message.h>
#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "client/src/cache/kept-tiles.h"
#include "client/src/open/kept-snapshot.h"
#include "core/wire.h"
#include "h5cap/selection.h"

using namespace h5cap;
using namespace h5cap::detail;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/h5cap-kept-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

Bytes numbered(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

Bytes snapshotOfTwo(const Version& version) {
  capnp::MallocMessageBuilder message;
  auto nodes = message.initRoot<rpc::Snapshot>().initNodes(2);
  NodeInfo info;
  info.kind = NodeKind::group;
  for (ObjectId id : {1, 2}) {
    info.id = id;
    wire::write(info, nodes[static_cast<unsigned>(id - 1)]);
  }
  return bytesOf(version, message.getRoot<rpc::Snapshot>().asReader());
}

}  // namespace

TEST_CASE("a region's tiles come back, to their owner alone") {
  Folder folder;
  auto cache = std::make_shared<DiskCache>(folder.path, 1 << 20);
  const Shape shape{30, 20}, chunks{8, 8};
  const TileOwner owner{"server", "a.h5", {std::byte{1}}, 7};
  const Region region = resolve(Selection({range(1, 29, 3), all}), shape);
  auto tilesOf = [&](const TileOwner& whose) { return KeptTiles(cache, whose, region, chunks, 4, 256); };
  auto tiles = tilesOf(owner);
  const Bytes elements = numbered(tiles.byteCount());
  Bytes found(elements.size());
  CHECK(!tiles.seemComplete());
  CHECK(!tiles.tryRead(found));
  tiles.keep(elements);
  CHECK(tiles.seemComplete());
  CHECK(tiles.tryRead(found));
  CHECK(found == elements);

  auto otherVersion = owner, otherObject = owner, otherPath = owner, otherServer = owner;
  otherVersion.version = {std::byte{2}};
  otherObject.object = 8;
  otherPath.path = "b.h5";
  otherServer.server = "another";
  for (auto& other : {otherVersion, otherObject, otherPath, otherServer}) {
    CHECK(!tilesOf(other).seemComplete());
    CHECK(!tilesOf(other).tryRead(found));
  }

  // Tiles that are cut short are none.
  for (auto& entry : std::filesystem::recursive_directory_iterator(folder.path)) {
    if (entry.is_regular_file()) std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
  }
  CHECK(!tiles.tryRead(found));
}

TEST_CASE("a snapshot comes back from its bytes, and damaged bytes do no harm") {
  for (std::size_t size : {0, 1, 8, 13}) {
    CAPTURE(size);
    const Version version = numbered(size);
    const Bytes bytes = snapshotOfTwo(version);
    auto kept = tryReadSnapshot(bytes);
    REQUIRE(kept != nullptr);
    CHECK(kept->version == version);
    REQUIRE(kept->nodes.size() == 2);
    CHECK(kept->nodes[1].id == 2);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      CHECK_NOTHROW(tryReadSnapshot(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut))));
      Bytes damaged = bytes;
      damaged[cut] ^= std::byte{0xff};
      CHECK_NOTHROW(tryReadSnapshot(damaged));
    }
  }
  CHECK(tryReadSnapshot({}) == nullptr);
}
