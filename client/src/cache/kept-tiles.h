// Tiles of a dataset in a disk cache: what one reply of a bulk read carries, by server, file, version, object and
// region.  Knows nothing of connections: whoever asks has to know that the version still is the file's.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "client/src/cache/disk-cache.h"
#include "core/tiling.h"
#include "h5cap/node.h"

namespace h5cap::detail {

// Whose elements they are.
struct TileOwner {
  std::string server;
  std::string path;  // of the file
  Version version;   // of the file
  ObjectId object = 0;
};

// The tiles of one region.
class KeptTiles {
 public:
  // Of a dataset with chunks of `chunkShape` (empty: none) whose elements have `elementBytes`; a tile has about
  // `tileBytes`.
  KeptTiles(std::shared_ptr<DiskCache> cache, const TileOwner& owner, Region region, Shape chunkShape,
            std::uint64_t elementBytes, std::uint64_t tileBytes);

  // Of the region, with all tiles.
  std::uint64_t byteCount() const { return region_.elementCount() * elementBytes_; }

  // Whether all tiles seem to be there, without reading them.
  bool seemComplete() const;

  // Reads all of the region into `elements`, which has `byteCount()` bytes.  False when a tile is missing or damaged.
  bool tryRead(std::span<std::byte> elements) const;

  // Keeps `elements`, all of the region; best effort.
  void keep(std::span<const std::byte> elements) const;

 private:
  Tiling tiling() const { return {region_, chunkShape_, elementBytes_, tileBytes_}; }
  std::string keyOf(const Tile& tile) const;

  const std::shared_ptr<DiskCache> cache_;
  std::string prefix_;  // of the keys
  const Region region_;
  const Shape chunkShape_;
  const std::uint64_t elementBytes_;
  const std::uint64_t tileBytes_;
};

}  // namespace h5cap::detail
