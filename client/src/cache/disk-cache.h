// A folder of entries by key, shared by all processes of a user: bounded, and never wrong.
//
// An entry is a file of its own, written under another name and then renamed, so that nobody ever sees half of one; it
// holds its key, and a checksum over everything.  What is damaged, cut short or of another user counts as absent.
// Nobody waits for anybody: there are no locks.  Whoever writes enough looks at the whole folder and removes what was
// used longest ago, of its own files only: whose the folder and the files in it are, CacheFolder tells.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "client/src/cache/cache-folder.h"
#include "h5cap/node.h"

namespace h5cap::detail {

class DiskCache {
 public:
  // The process's cache at `place`, "DIR" or "DIR:SIZE" with K, M, G or T; null when it is empty.  FileError
  // (fileProblem) when DIR holds other things than a cache, or is somebody else's.
  static std::shared_ptr<DiskCache> at(const std::string& place);

  DiskCache(std::string folder, std::uint64_t limit);

  // Nothing when there is no such entry, or none that can be trusted.
  std::optional<Bytes> find(const std::string& key) const;

  // Whether there seems to be one, without reading it.
  bool has(const std::string& key) const;

  // Best effort: what does not work (a full disk, a folder that is not ours any more) is left.
  void keep(const std::string& key, std::span<const std::byte> content);

 private:
  static std::string nameOf(const std::string& key);
  Descriptor shelfToWrite(const std::string& name) const;
  void sweep();

  const CacheFolder folder_;
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> written_{0};  // by this process since it last looked at the folder
  std::atomic<bool> hasSwept_{false};
};

}  // namespace h5cap::detail
