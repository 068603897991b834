// A chunk of Blosc2: a header of 32 bytes, where each block begins, an optional dictionary, and the blocks, each of one
// stream or of one for every byte of an element (README_CHUNK_FORMAT of C-Blosc2).
//
// Decoded here and not by that library: for numbers of codecs that it does not know it runs the program `python` and
// loads what that names.  Internal to core/codec; all throw FileError: (fileProblem) for a chunk that is damaged,
// (missingFilter) for one with a codec or filter that is not Blosc2's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/codec/stages.h"

namespace h5cap::codec {

// With elements that are no number; of 4 or 8 bytes.
void fillNotANumber(std::span<std::byte> target, std::size_t elementBytes);

class Blosc2Chunk {
 public:
  // Bytes behind the chunk are allowed.  `stored` must outlive it.
  explicit Blosc2Chunk(Input stored);

  std::size_t bytes() const { return bytes_; }  // decoded
  std::size_t blockBytes() const { return blockBytes_; }
  std::size_t blockCount() const { return blockCount_; }
  std::size_t bytesOfBlock(std::size_t block) const;

  // `target` has the block's size.  In order from the first: others may be stored as what differs from that.  Takes
  // twice the size of a block beside the target, three times with the filter delta.
  void decodeBlock(std::size_t block, std::span<std::byte> target);

 private:
  enum class Kind { compressed, stored, zeros, notANumber, repeated };
  enum class Stage : std::uint8_t { shuffle = 1, bitshuffle = 2, delta = 3 };
  struct Undone {
    Stage stage;
    std::size_t elementBytes;
  };

  void readKind(std::uint8_t flags, std::uint8_t moreFlags);
  void readPipeline(std::uint8_t version);
  void readBlockStarts(std::uint8_t moreFlags);
  void fill(std::span<std::byte> target) const;
  void readStreams(std::size_t block, std::span<std::byte> target) const;
  std::size_t readStream(Input from, std::span<std::byte> target) const;
  void decompress(Input from, std::span<std::byte> target) const;
  void undo(const Undone& undone, std::size_t block, Input from, std::span<std::byte> target);
  void undoDelta(std::size_t block, std::size_t elementBytes, std::span<std::byte> data) const;

  Input stored_;
  std::size_t bytes_ = 0, blockBytes_ = 0, blockCount_ = 0, elementBytes_ = 0;
  unsigned codec_ = 0;
  bool isSplit_ = false;
  Kind kind_ = Kind::compressed;
  std::vector<Undone> pipeline_;  // in the order of undoing
  Input dictionary_;
  std::array<Bytes, 2> rooms_;  // of one block, while filters are undone
  Bytes first_;                 // the first block, for delta
};

}  // namespace h5cap::codec
