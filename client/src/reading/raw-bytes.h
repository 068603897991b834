// Reading a file's stored bytes: parts of one reply each, with a window of them under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "client/src/open/file-state.h"
#include "client/src/threads/guarded.h"

namespace h5cap::detail {

// Where the bytes go.  Filled on the loop's thread; whoever gives up waiting closes it, and from then on nothing is
// written.
struct ByteSink {
  explicit ByteSink(std::span<std::byte> target) : target(target) {}

  struct Result {
    bool isClosed = false;
    std::uint64_t count = 0;  // bytes from the beginning that the file has
    Version version;          // of the file that they are from
  };
  Guarded<Result> result;
  const std::span<std::byte> target;  // only written with `result` locked
};

// Starts reading from `offset` on as much as the sink has room for; on return the first calls are on their way.
// All are of one version, that of `ifVersion` unless it is empty: FileError (changed).
SharedCall startReadBytes(const std::shared_ptr<FileState>& file, std::uint64_t offset, const Version& ifVersion,
                          std::shared_ptr<ByteSink> sink, std::function<void(const Call&)> whenDone = nullptr);

}  // namespace h5cap::detail
