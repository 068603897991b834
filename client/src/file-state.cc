#include "file-state.h"

#include "core/wire.h"
#include "peer.h"

namespace h5cap::detail {

std::shared_ptr<FileState> FileState::open(std::shared_ptr<Connection> connection, const std::string& url,
                                           const std::string& path, const OpenOptions& options) {
  std::shared_ptr<FileState> state(new FileState());
  state->connection_ = std::move(connection);
  state->url_ = url;
  state->wantsSnapshot_ = options.snapshotBytes > 0;
  state->remote_ = onLoop<RemoteFile>(state->connection_->channel->loop());
  state->opened_ = std::make_shared<Opened>();
  auto& channel = *state->connection_->channel;
  state->opening_ = state->connection_->start(
      [&channel, remote = state->remote_, opened = state->opened_, path, options]() -> kj::Promise<void> {
        auto request = channel.peer().root.openFileRequest();
        request.setPath(path);
        request.initOptions().setSnapshotBytes(options.snapshotBytes);
        auto answer = request.send();
        remote->file = answer.getFile();
        return answer.then([opened, options](auto reply) {
          checked([&] {
            opened->info = wire::read(reply.getInfo());
            if (options.snapshotBytes == 0 || reply.getSnapshot().getNodes().size() == 0) return;
            std::vector<NodeInfo> nodes;
            for (auto node : reply.getSnapshot().getNodes()) nodes.push_back(wire::read(node));
            opened->snapshot = std::make_unique<SnapshotIndex>(std::move(nodes));
          });
        });
      });
  return state;
}

FileState::~FileState() {
  if (opening_ && !opening_->isDone()) connection_->channel->cancel(opening_);
}

const FileInfo& FileState::info() const {
  connection_->wait(opening_, Connection::GiveUp::leave);
  return opened_->info;
}

const SnapshotIndex* FileState::snapshot() const {
  info();
  return opened_->snapshot.get();
}

FileInfo FileState::stat() const {
  auto found = std::make_shared<FileInfo>();
  connection_->run([remote = remote_, found]() -> kj::Promise<void> {
    return remote->file.statRequest().send().then(
        [found](auto reply) { checked([&] { *found = wire::read(reply.getInfo()); }); });
  });
  return *found;
}

}  // namespace h5cap::detail
