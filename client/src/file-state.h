// A file that was asked for: its capability, and what the reply told.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <h5cap/objects.capnp.h>

#include "connection.h"
#include "h5cap/file.h"
#include "snapshot-index.h"

namespace h5cap::detail {

struct RemoteFile {
  rpc::File::Client file = nullptr;
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
  const std::shared_ptr<RemoteFile>& remote() const { return remote_; }

  // Waits for the reply to openFile: at most one round trip.
  const FileInfo& info() const;
  FileInfo stat() const;

  // Whether a snapshot was asked for: then waiting for the file may spare asking for a node.
  bool wantsSnapshot() const { return wantsSnapshot_; }
  // Null without a snapshot.  Waits.
  const SnapshotIndex* snapshot() const;

 private:
  struct Opened {
    FileInfo info;
    std::unique_ptr<SnapshotIndex> snapshot;
  };

  FileState() = default;

  std::shared_ptr<Connection> connection_;
  std::string url_;
  bool wantsSnapshot_ = false;
  std::shared_ptr<RemoteFile> remote_;
  std::shared_ptr<Opened> opened_;  // written once, on the loop's thread, before the call is done
  SharedCall opening_;
};

}  // namespace h5cap::detail
