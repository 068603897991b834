// A file that was asked for: its capability, and what the reply told.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "client/src/open/kept-snapshot.h"
#include "client/src/open/remote-file.h"
#include "client/src/open/reopening.h"
#include "client/src/open/snapshot-index.h"
#include "client/src/rpc/connection.h"
#include "client/src/threads/guarded.h"
#include "h5cap/node.h"
#include "h5cap/options.h"
#include "h5cap/report.h"

namespace h5cap::detail {

// Snapshots from one time to the next.  Whoever opens the file says where they lie: the file asks no cache.
struct SnapshotKeeping {
  Bytes earlier;  // as it was kept; empty: none
  // Null: nobody does.  Called once, by the thread that waits for the file first.
  std::function<void(const Bytes&)> keep;
};

class FileState {
 public:
  // Sends openFile and does not wait.
  static std::shared_ptr<FileState> open(std::shared_ptr<Connection> connection, const std::string& url,
                                         const std::string& path, const OpenOptions& options,
                                         const SnapshotKeeping& snapshots = {});
  ~FileState();

  const Connection& connection() const { return *connection_; }
  std::shared_ptr<Connection> sharedConnection() const { return connection_; }
  const std::string& url() const { return url_; }

  // Its capability on a channel that works as far as is known: opens the file again, without waiting for it, when the
  // one that it was opened on has ended, or when the last attempt to open it again has failed.  What is called through
  // it then waits until the file is known to be the same.
  std::shared_ptr<RemoteFile> remote() const;

  // Waits for the reply to openFile: at most one round trip.
  const FileInfo& info() const;
  FileInfo stat() const;
  PathNow pathNow() const;

  // Whether it was opened and had a live SWMR writer then.  Waits for nothing.
  bool isKnownToBeFollowed() const;
  // Whether a snapshot was asked for: then waiting for the file may spare asking for a node.
  bool wantsSnapshot() const { return wantsSnapshot_; }
  // Whether the answer that opens it is still awaited.
  bool isBeingOpened() const { return !state_.lock()->opening->isDone(); }
  // Null without a snapshot.  Waits.
  const SnapshotIndex* snapshot() const;

 private:
  struct Opened {
    FileInfo info;
    std::unique_ptr<SnapshotIndex> snapshot;
    Bytes toKeep;         // of the snapshot, by whoever waits for the file first
    std::once_flag kept;  // that it was
  };
  struct State {
    std::shared_ptr<RemoteFile> remote;
    std::shared_ptr<Opened> opened;  // written once, on the loop's thread, before the call is done
    SharedCall opening;
    SharedCall reopening;  // the last; null when it was never opened again
  };

  FileState() = default;
  bool isReady(const State& state, const std::shared_ptr<Channel>& channel) const;
  void openOn(const std::shared_ptr<Channel>& channel, State& state) const;
  void openAgainOn(const std::shared_ptr<Channel>& channel, State& state) const;

  std::shared_ptr<Connection> connection_;
  std::string url_;
  std::string path_;
  OpenOptions options_;
  bool wantsSnapshot_ = false;
  std::shared_ptr<const KeptSnapshot> known_;  // from an earlier time
  std::function<void(const Bytes&)> keep_;
  SharedTicket ticket_ = std::make_shared<ForkGuarded<Bytes>>();

  mutable ForkGuarded<State> state_;
};

}  // namespace h5cap::detail
