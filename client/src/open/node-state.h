// An object that was asked for by path: what is known of it, and its capability, opened when first needed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <h5cap/objects.capnp.h>

#include "client/src/open/file-state.h"
#include "client/src/rpc/connection.h"
#include "h5cap/node.h"

namespace h5cap::detail {

struct RemoteNode {
  rpc::Node::Client node = nullptr;
  std::shared_ptr<Channel> channel;           // that it is a capability on
  kj::Maybe<kj::ForkedPromise<void>> opened;  // info() is known from then on
};

// What a node that is opened again has to be.
struct Expected {
  std::string path;
  std::optional<ObjectId> id;            // nothing: whatever is there
  std::shared_ptr<const FileInfo> file;  // when it is not the one that was asked
};

class NodeState : public std::enable_shared_from_this<NodeState> {
 public:
  // `base`: the group that an absolute path was asked of, when that is not the root.  It may be in another file.
  NodeState(std::shared_ptr<FileState> file, std::string path, std::shared_ptr<NodeState> base = nullptr);

  // One that is open already, by dereferencing `token`; the path may be empty, and then nodes below it are asked of it.
  NodeState(std::shared_ptr<FileState> file, std::string path, std::shared_ptr<RemoteNode> remote, SharedNodeInfo known,
            Bytes token);

  const std::string& path() const { return path_; }
  const std::shared_ptr<FileState>& file() const { return file_; }
  const Connection& connection() const { return file_->connection(); }

  // What it is: from the snapshot, or from an earlier answer, or asked for now.  The newest description is kept here,
  // and an older one as long as somebody holds it.  Never null.
  SharedNodeInfo info();
  std::shared_ptr<const FileInfo> fileInfo();
  std::shared_ptr<const DatasetInfo> datasetInfo();

  // Whether its file is known to have a live SWMR writer.  Waits for nothing.
  bool isKnownToBeFollowed();

  // What is known without waiting; null when that is nothing.
  SharedNodeInfo knownInfo();

  // As `info`, of what is known or in the snapshot; null when it would have to be asked for, or does not exist.
  SharedNodeInfo knownOrInSnapshot();

  // Its shape, as the newest answer told it; waits when there was none.
  Shape shape();

  // Asks again.
  DatasetInfo refresh();

  // Its capability on a channel that works as far as is known.  Sends `open` when that has not been done yet, or not on
  // this channel, or has failed there, and waits for no answer.  What is called through a node that was opened again
  // waits until it is known to be the same object.
  std::shared_ptr<RemoteNode> remote();

  // The node below this one, or below the file's root.
  std::shared_ptr<NodeState> child(const std::string& path);

 private:
  struct State {
    SharedNodeInfo known;                     // the newest description; null: none yet
    std::shared_ptr<const FileInfo> ownFile;  // as the newest answer that named one said; null: the file that was asked
    std::shared_ptr<RemoteNode> remote;
    SharedCall opening;
  };
  SharedNodeInfo fromSnapshot();
  void learn(SharedNodeInfo node, std::shared_ptr<const FileInfo> file);
  SharedNodeInfo ask();
  SharedCall open(const std::shared_ptr<RemoteNode>& remote, const std::shared_ptr<RemoteFile>& file,
                  const std::shared_ptr<RemoteNode>& base, const Expected& expected);
  SharedCall dereferenceAgain(const std::shared_ptr<RemoteNode>& remote, const std::shared_ptr<RemoteFile>& file,
                              const Expected& expected);
  bool isInSnapshot();

  const std::shared_ptr<FileState> file_;
  const std::string path_;
  const std::shared_ptr<NodeState> base_;
  const Bytes token_;

  ForkGuarded<State> state_;
};

}  // namespace h5cap::detail
