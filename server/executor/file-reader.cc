#include "server/executor/file-reader.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <string>

#include "core/read-range.h"
#include "h5cap/error.h"

namespace h5cap {
namespace {

// Up to the end of the file; what is left of `target`.
std::span<std::byte> readUpToEnd(int file, std::uint64_t offset, std::span<std::byte> target, const char* failure) {
  const auto count = readRange(file, offset, target);
  if (!count)
    throw FileError(failure + std::to_string(target.size()) + " bytes at offset " + std::to_string(offset) + ": " +
                    strerror(errno));
  return target.subspan(*count);
}

}  // namespace

void DescriptorReader::read(std::uint64_t offset, std::span<std::byte> target) const {
  const auto left = readUpToEnd(file_, offset, target, "cannot read ");
  if (left.empty()) return;
  throw FileError("cannot read " + std::to_string(target.size()) + " bytes at offset " + std::to_string(offset) +
                  ": the file ends after " + std::to_string(target.size() - left.size()));
}

RawFilesReader::RawFilesReader(const ExternalStorage& storage, const std::vector<int>& files)
    : slots_(storage.files), files_(files) {
  if (files.size() != storage.files.size()) throw Failed("gather: raw files and descriptors differ in number");
}

void RawFilesReader::read(std::uint64_t offset, std::span<std::byte> target) const {
  while (!target.empty()) {
    const SlotMap::Piece piece = slots_.at(offset, target.size());
    // A slot without elements of the region is not open, and lies in a gap that is read over.
    if (files_[piece.slot] >= 0) {
      auto left = readUpToEnd(files_[piece.slot], piece.offset, target.first(piece.count),
                              "cannot read an external raw file: ");
      std::fill(left.begin(), left.end(), std::byte{0});
    }
    target = target.subspan(piece.count);
    offset += piece.count;
  }
}

}  // namespace h5cap
