#include "client/src/open/node-state.h"

#include "client/src/rpc/checked.h"
#include "client/src/rpc/retry.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::detail {

NodeState::NodeState(std::shared_ptr<FileState> file, std::string path, std::shared_ptr<NodeState> base)
    : file_(std::move(file)), path_(std::move(path)), base_(std::move(base)) {}

NodeState::NodeState(std::shared_ptr<FileState> file, std::string path, std::shared_ptr<RemoteNode> remote,
                     SharedNodeInfo known, Bytes token)
    : file_(std::move(file)), path_(std::move(path)), token_(std::move(token)) {
  state_.lock()->remote = std::move(remote);
  learn(std::move(known), nullptr);
}

std::shared_ptr<NodeState> NodeState::child(const std::string& path) {
  bool isAbsolute = !path.empty() && path[0] == '/';
  std::shared_ptr<NodeState> base;
  if (isAbsolute && path_ != "/") base = base_ ? base_ : shared_from_this();
  bool isNameless = path_.empty() || path_[0] != '/';  // no path leads from the root to this node
  if (isNameless && !isAbsolute) {
    if (path_.empty()) return std::make_shared<NodeState>(file_, path, shared_from_this());
    base = base_;
  }
  return std::make_shared<NodeState>(file_, joinPath(path_, path), std::move(base));
}

SharedNodeInfo NodeState::knownInfo() {
  return state_.lock()->known;
}

void NodeState::learn(SharedNodeInfo node, std::shared_ptr<const FileInfo> file) {
  auto state = state_.lock();
  state->known.swap(node);
  if (file) state->ownFile.swap(file);
}

SharedNodeInfo NodeState::fromSnapshot() {
  const SnapshotIndex* snapshot = file_->wantsSnapshot() ? file_->snapshot() : nullptr;
  if (snapshot == nullptr) return nullptr;
  if (path_.empty() || path_[0] != '/' || (base_ && !base_->isInSnapshot())) return nullptr;
  auto found = snapshot->find(path_);
  if (auto* missing = std::get_if<SnapshotIndex::Missing>(&found)) throw NotFound(missing->what);
  auto* node = std::get_if<SharedNodeInfo>(&found);
  return node ? *node : nullptr;
}

bool NodeState::isInSnapshot() {
  const SnapshotIndex* snapshot = file_->snapshot();
  return snapshot != nullptr && !path_.empty() && path_[0] == '/' &&
         std::holds_alternative<SharedNodeInfo>(snapshot->find(path_));
}

SharedNodeInfo NodeState::info() {
  if (auto known = knownInfo()) return known;
  return retried(connection(), [this] { return ask(); });
}

SharedNodeInfo NodeState::ask() {
  if (auto node = fromSnapshot()) {
    learn(node, nullptr);
    return node;
  }
  remote();
  SharedCall opening = state_.lock()->opening;
  try {
    connection().wait(opening, Connection::GiveUp::leave);
  } catch (...) {
    // Another attempt may fare better.
    auto state = state_.lock();
    if (state->opening == opening && opening->isDone()) {
      state->opening.reset();
      state->remote.reset();
    }
    throw;
  }
  return knownInfo();
}

SharedNodeInfo NodeState::knownOrInSnapshot() {
  if (auto known = knownInfo()) return known;
  try {
    auto node = fromSnapshot();
    if (node) learn(node, nullptr);
    return node;
  } catch (const NotFound&) {
    return nullptr;
  }
}

std::shared_ptr<const FileInfo> NodeState::fileInfo() {
  info();
  auto own = state_.lock()->ownFile;
  return own ? own : std::shared_ptr<const FileInfo>(file_, &file_->info());
}

bool NodeState::isKnownToBeFollowed() {
  auto own = state_.lock()->ownFile;
  return own ? own->isSwmr : file_->isKnownToBeFollowed();
}

std::shared_ptr<const DatasetInfo> NodeState::datasetInfo() {
  auto node = info();
  if (node->problem) raise(node->problem->code, path_ + ": " + node->problem->message);
  if (node->kind != NodeKind::dataset || !node->dataset) throw BadType(path_ + " is no dataset");
  return {node, &*node->dataset};
}

Shape NodeState::shape() {
  Dataspace space = datasetInfo()->space;
  if (space.kind == Dataspace::Kind::unknown) space = refresh().space;  // only a description looks at the sources
  if (space.kind == Dataspace::Kind::unknown) throw Unimplemented(path_ + ": " + space.whyUnknown);
  if (space.kind == Dataspace::Kind::null) throw BadSelection(path_ + " has a null space: no elements to select");
  return space.shape;
}

DatasetInfo NodeState::refresh() {
  auto node = std::make_shared<NodeInfo>();
  retried(connection(), [&] {
    connection().run([remote = remote(), node]() -> kj::Promise<void> {
      return remote->node.describeRequest().send().then(
          [node](auto reply) { checked([&] { *node = wire::read(reply.getInfo()); }); });
    });
  });
  if (node->kind != NodeKind::dataset || !node->dataset) throw BadType(path_ + " is no dataset");
  DatasetInfo fresh = *node->dataset;
  auto known = knownInfo();
  bool isSame = known && known->dataset && known->dataset->space.kind == fresh.space.kind &&
                known->dataset->space.shape == fresh.space.shape &&
                known->dataset->type == fresh.type && known->dataset->storageBytes == fresh.storageBytes;
  if (!isSame) learn(node, nullptr);
  return fresh;
}

namespace {

void checkSame(const Expected& expected, const NodeInfo& node, const FileInfo* file) {
  bool isSame = !expected.id || *expected.id == node.id;
  if (expected.file && file) {
    isSame = isSame && (expected.file->version == file->version || (expected.file->isSwmr && file->isSwmr));
  }
  if (!isSame) throw FileError(expected.path + ": is not the same object any more", ErrorCode::changed);
}

}  // namespace

std::shared_ptr<RemoteNode> NodeState::remote() {
  // The base's own lock is taken before ours, never the other way round: bases form a chain of length one.
  std::shared_ptr<RemoteNode> base = base_ ? base_->remote() : nullptr;
  std::shared_ptr<RemoteFile> file = file_->remote();
  auto& channel = base ? base->channel : file->channel;
  auto state = state_.lock();
  const bool hasFailed =
      state->opening && (state->opening->hasFailed() || (state->opening->isDone() && !state->known));
  if (state->remote && state->remote->channel == channel && !hasFailed) return state->remote;
  Expected expected{path_, {}, nullptr};
  if (state->remote && state->known) {
    expected.id = state->known->id;
    expected.file = state->ownFile;
  }
  state->remote = onLoop<RemoteNode>(channel->loop());
  state->remote->channel = channel;
  // A node that has a token was open when it was made, so this is never the first time.
  state->opening = token_.empty() ? open(state->remote, file, base, expected)
                                  : dereferenceAgain(state->remote, file, expected);
  return state->remote;
}

SharedCall NodeState::open(const std::shared_ptr<RemoteNode>& remote, const std::shared_ptr<RemoteFile>& file,
                           const std::shared_ptr<RemoteNode>& base, const Expected& expected) {
  std::weak_ptr<NodeState> self = weak_from_this();
  // The node may be dropped before the answer arrives; nobody wants it then.
  return Connection::startOn(
      remote->channel, [remote, base, file, path = path_, self, expected]() -> kj::Promise<void> {
        rpc::Group::Client group = base ? base->node.castAs<rpc::Group>() : rpc::Group::Client(file->file);
        auto request = group.openRequest();
        request.setPath(path);
        auto answer = request.send();
        rpc::Node::Client node = answer.getNode();
        auto opened = answer
                          .then([self, expected](auto reply) {
                            checked([&] {
                              auto node = std::make_shared<NodeInfo>(wire::read(reply.getInfo()));
                              std::shared_ptr<FileInfo> file;
                              if (reply.hasFile()) file = std::make_shared<FileInfo>(wire::read(reply.getFile()));
                              if (expected.id) return checkSame(expected, *node, file.get());
                              if (auto state = self.lock()) state->learn(std::move(node), std::move(file));
                            });
                          })
                          .fork();
        // What is called through a node that was opened again waits until it is known to be the same.
        if (expected.id) {
          remote->node = opened.addBranch().then([node]() mutable { return kj::mv(node); });
        } else {
          remote->node = kj::mv(node);
        }
        auto branch = opened.addBranch();
        remote->opened = kj::mv(opened);
        return branch;
      });
}

SharedCall NodeState::dereferenceAgain(const std::shared_ptr<RemoteNode>& remote,
                                       const std::shared_ptr<RemoteFile>& file, const Expected& expected) {
  return Connection::startOn(remote->channel, [remote, file, token = token_, expected]() -> kj::Promise<void> {
    auto request = file->file.dereferenceRequest();
    request.setToken(wire::asData(token));
    auto answer = request.send();
    rpc::Node::Client node = answer.getNode();
    auto same = answer
                    .then([expected](auto reply) {
                      checked([&] { checkSame(expected, wire::read(reply.getInfo()), nullptr); });
                    })
                    .fork();
    remote->node = same.addBranch().then([node]() mutable { return kj::mv(node); });
    return same.addBranch();
  });
}

}  // namespace h5cap::detail
