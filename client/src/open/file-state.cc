#include "client/src/open/file-state.h"

#include "client/src/rpc/checked.h"
#include "client/src/rpc/peer.h"
#include "client/src/rpc/retry.h"
#include "core/wire-checks.h"
#include "core/wire.h"

namespace h5cap::detail {

namespace {

// Where snapshots are kept, one is asked for though nobody wants it now: for the next time, so much of it.
constexpr std::uint32_t UNASKED_SNAPSHOT_BYTES = 64 << 10;

PathNow asPathNow(rpc::File::PathNow now) {
  switch (now) {
    case rpc::File::PathNow::THIS_FILE:
      return PathNow::thisFile;
    case rpc::File::PathNow::ANOTHER_FILE:
      return PathNow::anotherFile;
    case rpc::File::PathNow::NOTHING:
      return PathNow::nothing;
    case rpc::File::PathNow::UNKNOWN:
      break;
  }
  return PathNow::unknown;
}

}  // namespace

std::shared_ptr<FileState> FileState::open(std::shared_ptr<Connection> connection, const std::string& url,
                                           const std::string& path, const OpenOptions& options,
                                           const SnapshotKeeping& snapshots) {
  std::shared_ptr<FileState> state(new FileState());
  state->connection_ = std::move(connection);
  state->url_ = url;
  state->path_ = path;
  state->options_ = options;
  state->known_ = tryReadSnapshot(snapshots.earlier);
  state->keep_ = snapshots.keep;
  if (state->keep_ && options.snapshotBytes == 0) state->options_.snapshotBytes = UNASKED_SNAPSHOT_BYTES;
  state->wantsSnapshot_ = options.snapshotBytes > 0 || state->known_;
  retried(*state->connection_, [&] { state->remote(); });
  return state;
}

bool FileState::isReady(const State& state, const std::shared_ptr<Channel>& channel) const {
  if (!state.remote || state.remote->channel != channel) return false;
  // Another attempt may fare better.
  if (state.reopening) return !state.reopening->hasFailed();
  return !state.opening->wasLost() && (state.opening->isDone() || state.opening->isOurs());
}

std::shared_ptr<RemoteFile> FileState::remote() const {
  auto channel = connection_->usable();
  auto state = state_.lock();
  if (isReady(*state, channel)) return state->remote;
  if (state->opening && state->opening->isDone() && !state->opening->hasFailed()) {
    openAgainOn(channel, *state);
  } else {
    openOn(channel, *state);
  }
  return state->remote;
}

void FileState::openOn(const std::shared_ptr<Channel>& channel, State& state) const {
  state.remote = onLoop<RemoteFile>(channel->loop());
  state.remote->channel = channel;
  state.opened = std::make_shared<Opened>();
  state.opening = Connection::startOn(channel, [remote = state.remote, opened = state.opened, path = path_,
                                                options = options_, ticket = ticket_, known = known_,
                                                isKept = keep_ != nullptr]() -> kj::Promise<void> {
    auto request = remote->channel->peer().root.openFileRequest();
    request.setPath(path);
    request.initOptions().setSnapshotBytes(options.snapshotBytes);
    if (known) request.getOptions().setKnownVersion(wire::asData(known->version));
    auto answer = request.send();
    remote->file = answer.getFile();
    return answer.then([opened, options, ticket, remote, known, isKept](auto reply) {
      checked([&] {
        opened->info = wire::read(reply.getInfo());
        if (options.snapshotBytes != 0 && reply.getSnapshot().getNodes().size() != 0) {
          std::vector<NodeInfo> nodes;
          const auto list = wire::counted<rpc::NodeInfo>(reply.getSnapshot().getNodes());
          for (auto node : list) nodes.push_back(wire::read(node));
          opened->snapshot = std::make_unique<SnapshotIndex>(std::move(nodes));
          const bool isLasting = opened->info.stability == VersionStability::settled && !opened->info.isSwmr;
          if (isKept && isLasting) opened->toKeep = bytesOf(opened->info.version, reply.getSnapshot());
        } else if (known && known->version == opened->info.version) {
          opened->snapshot = std::make_unique<SnapshotIndex>(known->nodes);
        }
      });
      sealLater(remote, ticket);
    });
  });
}

void FileState::openAgainOn(const std::shared_ptr<Channel>& channel, State& state) const {
  state.remote = onLoop<RemoteFile>(channel->loop());
  state.remote->channel = channel;
  state.reopening =
      Connection::startOn(channel, [remote = state.remote, path = path_, before = state.opened->info,
                                    ticket = ticket_]() -> kj::Promise<void> {
        auto opened = openAgain(remote->channel, ticket, path, before).fork();
        remote->file = opened.addBranch();
        sealLater(remote, ticket);  // a server that was restarted makes others
        return opened.addBranch().ignoreResult();
      });
}

FileState::~FileState() {
  auto opening = state_.lock()->opening;
  if (opening && !opening->isDone()) Channel::cancel(opening);
}

const FileInfo& FileState::info() const {
  return retried(*connection_, [&]() -> const FileInfo& {
    State now = *state_.lock();
    if (!now.opening->isDone() || now.opening->hasFailed()) {
      remote();  // after a fork or a loss, there is another
      now = *state_.lock();
    }
    connection_->wait(now.opening, Connection::GiveUp::leave);
    auto& opened = *now.opened;
    if (!opened.toKeep.empty()) std::call_once(opened.kept, [&] { keep_(opened.toKeep); });
    return opened.info;
  });
}

bool FileState::isKnownToBeFollowed() const {
  State now = *state_.lock();
  return now.opening->isDone() && !now.opening->hasFailed() && now.opened->info.isSwmr;
}

const SnapshotIndex* FileState::snapshot() const {
  info();
  return state_.lock()->opened->snapshot.get();
}

FileInfo FileState::stat() const {
  return retried(*connection_, [&] {
    auto found = std::make_shared<FileInfo>();
    connection_->run([remote = remote(), found]() -> kj::Promise<void> {
      return remote->file.statRequest().send().then(
          [found](auto reply) { checked([&] { *found = wire::read(reply.getInfo()); }); });
    });
    return *found;
  });
}

PathNow FileState::pathNow() const {
  return retried(*connection_, [&] {
    auto found = std::make_shared<PathNow>(PathNow::unknown);
    connection_->run([remote = remote(), found]() -> kj::Promise<void> {
      return remote->file.pathNowRequest().send().then([found](auto reply) { *found = asPathNow(reply.getNow()); });
    });
    return *found;
  });
}

}  // namespace h5cap::detail
