// External raw files: which of them hold the bytes of a region.
//
// The files' slots, one after the other, are one extent; a dataset lies in it from its first byte, in C order.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "h5cap/node.h"
#include "h5cap/selection.h"

namespace h5cap {

// Where each slot begins in the extent.
class SlotMap {
 public:
  // The slots are those of `files`, which outlives the map.  FileError (fileProblem) for an extent of more than 2^64
  // bytes.
  explicit SlotMap(const std::vector<ExternalFile>& files);

  // Bytes of one slot that belong to a span of the extent.
  struct Piece {
    std::size_t slot = 0;
    std::uint64_t offset = 0;  // in the raw file
    std::uint64_t count = 0;
  };

  // The piece that begins at a byte of the extent, of at most `count` bytes.  FileError (fileProblem) beyond the
  // extent.
  Piece at(std::uint64_t byte, std::uint64_t count) const;

  // Slots that hold elements of `region`, up to `limit` and one more.
  std::set<std::size_t> touched(const Region& region, const Shape& shape, std::size_t elementBytes,
                                std::size_t limit) const;

 private:
  const std::vector<ExternalFile>& files_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t end_ = 0;  // `unlimited` when the last slot is
};

}  // namespace h5cap
