// A file that was asked for: its capability, and what the reply told.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <h5cap/objects.capnp.h>

#include "client/src/cache/disk-cache.h"
#include "client/src/open/snapshot-index.h"
#include "client/src/rpc/connection.h"
#include "h5cap/file.h"

namespace h5cap::detail {

struct RemoteFile {
  rpc::File::Client file = nullptr;
  std::shared_ptr<Channel> channel;  // that it is a capability on
};

class FileState {
 public:
  // Sends openFile and does not wait.
  static std::shared_ptr<FileState> open(std::shared_ptr<Connection> connection, const std::string& url,
                                         const std::string& path, const OpenOptions& options);
  ~FileState();

  const Connection& connection() const { return *connection_; }
  std::shared_ptr<Connection> sharedConnection() const { return connection_; }
  const std::string& url() const { return url_; }

  // Its capability on a channel that works as far as is known: opens the file again, without waiting for it, when the one that
  // it was opened on has ended.  What is called through it then waits until the file is known to be the same.
  std::shared_ptr<RemoteFile> remote() const;

  // Waits for the reply to openFile: at most one round trip.
  const FileInfo& info() const;
  FileInfo stat() const;

  // Whether a snapshot was asked for: then waiting for the file may spare asking for a node.
  bool wantsSnapshot() const { return wantsSnapshot_; }
  // Whether the answer that opens it is still awaited.
  bool isBeingOpened() const;
  // Where tiles and snapshots are kept; null for nowhere.
  const std::shared_ptr<DiskCache>& cache() const { return cache_; }
  // Null without a snapshot.  Waits.
  const SnapshotIndex* snapshot() const;

 private:
  struct Opened {
    FileInfo info;
    std::unique_ptr<SnapshotIndex> snapshot;
    Bytes toKeep;  // an entry for the cache, written by whoever waits for the file first
    std::once_flag kept;
  };
  // A snapshot from the cache.
  struct Known {
    Version version;
    std::vector<NodeInfo> nodes;
  };
  std::string snapshotKey() const;
  std::shared_ptr<Known> knownSnapshot() const;

  // What outlives a channel, also used on the loop's thread.
  struct Ticket {
    ForkSafeMutex mutex;
    Bytes bytes;  // empty: not sealed yet
  };

  FileState() = default;
  SharedCall openOn(const std::shared_ptr<Channel>& channel) const;
  void openAgainOn(const std::shared_ptr<Channel>& channel) const;
  std::function<void(const std::shared_ptr<RemoteFile>&)> sealing() const;

  std::shared_ptr<Connection> connection_;
  std::string url_;
  std::string path_;
  OpenOptions options_;
  bool wantsSnapshot_ = false;
  std::shared_ptr<DiskCache> cache_;
  std::shared_ptr<Known> known_;
  std::shared_ptr<Ticket> ticket_ = std::make_shared<Ticket>();

  mutable ForkSafeMutex mutex_;
  mutable std::shared_ptr<RemoteFile> remote_;
  mutable std::shared_ptr<Opened> opened_;  // written once, on the loop's thread, before the call is done
  mutable SharedCall opening_;
};

}  // namespace h5cap::detail
