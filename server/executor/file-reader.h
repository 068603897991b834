// Bytes of files, however they are stored: the interface that everything that gathers elements reads through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/slot-map.h"
#include "core/storage.h"
#include "server/base/shared-file.h"

namespace h5cap {

// Blocking; for executor threads.
class FileReader {
 public:
  virtual ~FileReader() noexcept(false) = default;

  // All bytes of `target`, from `offset` on.  Throws FileError on a short read or an I/O error, naming offset and
  // count.
  virtual void read(std::uint64_t offset, std::span<std::byte> target) const = 0;

  // Extents beyond it are refused: planners are not trusted.
  virtual std::uint64_t size() const = 0;
};

// An open file, by pread.
class DescriptorReader final : public FileReader {
 public:
  DescriptorReader(int file, std::uint64_t size) : file_(file), size_(size) {}
  void read(std::uint64_t offset, std::span<std::byte> target) const override;
  std::uint64_t size() const override { return size_; }

 private:
  int file_;
  std::uint64_t size_;
};

// One that others read as well, kept open.  Not for several threads at a time.
class SharedFileReader final : public FileReader {
 public:
  // `size`: nothing for that of a file that grows, which is asked for when it is needed first.
  SharedFileReader(kj::Own<const SharedFile> file, std::optional<std::uint64_t> size)
      : file_(kj::mv(file)), size_(size) {}
  void read(std::uint64_t offset, std::span<std::byte> target) const override {
    DescriptorReader(file_->get(), 0).read(offset, target);
  }
  std::uint64_t size() const override {
    if (!size_) size_ = stateOf(file_->get()).size;
    return *size_;
  }

 private:
  kj::Own<const SharedFile> file_;
  mutable std::optional<std::uint64_t> size_;
};

// The slots of external raw files as one extent.  What lies behind the end of a raw file reads as zeros.
class RawFilesReader final : public FileReader {
 public:
  // `files` has the descriptor of each slot that holds elements that are read, -1 for others.  Both outlive it.
  RawFilesReader(const ExternalStorage& storage, const std::vector<int>& files);
  void read(std::uint64_t offset, std::span<std::byte> target) const override;
  std::uint64_t size() const override { return unlimited; }

 private:
  SlotMap slots_;
  const std::vector<int>& files_;
};

}  // namespace h5cap
