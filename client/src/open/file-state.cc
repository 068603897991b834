#include "client/src/open/file-state.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>

#include "client/src/rpc/checked.h"
#include "client/src/rpc/peer.h"
#include "client/src/rpc/retry.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

// A file that is open for so long is worth a ticket.
constexpr auto SEAL_AFTER = 1 * kj::SECONDS;

// That a file which was opened again is the same.
void checkSame(const FileInfo& before, const FileInfo& after) {
  if (before.version == after.version) return;
  // Growth is no change; the server has compared what it knows the file by.
  if (before.isSwmr && after.isSwmr && before.rootId == after.rootId) return;
  throw FileError(before.path + ": the file has changed since it was opened", ErrorCode::changed);
}

// With the cache a snapshot is kept for the next time, though nobody asked for one: so much.
constexpr std::uint32_t UNASKED_SNAPSHOT_BYTES = 64 << 10;

// What the cache keeps of a snapshot: its version, and the message.
Bytes entryOf(const Version& version, rpc::Snapshot::Reader snapshot) {
  capnp::MallocMessageBuilder message(snapshot.totalSize().wordCount + 8);
  message.setRoot(snapshot);
  auto words = capnp::messageToFlatArray(message);
  const std::uint64_t size = version.size();
  Bytes entry(sizeof size + (size + 7) / 8 * 8);
  std::memcpy(entry.data(), &size, sizeof size);
  std::memcpy(entry.data() + sizeof size, version.data(), size);
  auto* bytes = reinterpret_cast<const std::byte*>(words.asBytes().begin());
  entry.insert(entry.end(), bytes, bytes + words.asBytes().size());
  return entry;
}

rpc::File::Client openByPath(Channel& channel, const std::string& path, const FileInfo& before) {
  auto request = channel.peer().root.openFileRequest();
  request.setPath(path);
  request.initOptions().setIfVersion(wire::asData(before.version));
  auto answer = request.send();
  rpc::File::Client file = answer.getFile();
  // Also checked here: earlier servers do not know ifVersion.
  return answer.then([before, file = kj::mv(file)](auto reply) mutable {
    checked([&] { checkSame(before, wire::read(reply.getInfo())); });
    return kj::mv(file);
  });
}

// By the ticket; by the path when the server does not take it, as one that was restarted does not.
rpc::File::Client openByTicket(std::shared_ptr<Channel> channel, const Bytes& ticket, const std::string& path,
                               const FileInfo& before) {
  auto request = channel->peer().service.restoreRequest();
  request.setTicket(wire::asData(ticket));
  return request.send().then(
      [before](auto reply) {
        checked([&] { checkSame(before, wire::read(reply.getFile())); });
        return reply.getObject().template castAs<rpc::File>();
      },
      [channel, path, before](kj::Exception&& problem) -> rpc::File::Client {
        const ErrorCode code = parseError(problem.getDescription().cStr()).code;
        if (code == ErrorCode::denied || problem.getType() == kj::Exception::Type::UNIMPLEMENTED)
          return openByPath(*channel, path, before);
        kj::throwFatalException(kj::mv(problem));
      });
}

}  // namespace

std::shared_ptr<FileState> FileState::open(std::shared_ptr<Connection> connection, const std::string& url,
                                           const std::string& path, const OpenOptions& options) {
  std::shared_ptr<FileState> state(new FileState());
  state->connection_ = std::move(connection);
  state->url_ = url;
  state->path_ = path;
  state->options_ = options;
  state->cache_ = DiskCache::at(state->connection_->options.cache);
  if (state->cache_) {
    state->known_ = state->knownSnapshot();
    if (options.snapshotBytes == 0) state->options_.snapshotBytes = UNASKED_SNAPSHOT_BYTES;
  }
  state->wantsSnapshot_ = options.snapshotBytes > 0 || state->known_;
  retried(*state->connection_, [&] { state->remote(); });
  return state;
}

std::shared_ptr<RemoteFile> FileState::remote() const {
  auto channel = connection_->usable();
  std::lock_guard lock(mutex_);
  const bool isOpen = opening_ && opening_->isDone() && !opening_->hasFailed();
  const bool isOpening = opening_ && !opening_->isDone() && opening_->isOurs();
  if (remote_ && remote_->channel == channel && (isOpen || isOpening || !opening_->wasLost())) return remote_;
  if (isOpen) {
    openAgainOn(channel);
  } else {
    opening_ = openOn(channel);
  }
  return remote_;
}

SharedCall FileState::openOn(const std::shared_ptr<Channel>& channel) const {
  remote_ = onLoop<RemoteFile>(channel->loop());
  remote_->channel = channel;
  opened_ = std::make_shared<Opened>();
  return Connection::startOn(channel, [remote = remote_, opened = opened_, path = path_, options = options_,
                                       seal = sealing(), known = known_,
                                       keepsSnapshot = cache_ != nullptr]() -> kj::Promise<void> {
    auto request = remote->channel->peer().root.openFileRequest();
    request.setPath(path);
    request.initOptions().setSnapshotBytes(options.snapshotBytes);
    if (known) request.getOptions().setKnownVersion(wire::asData(known->version));
    auto answer = request.send();
    remote->file = answer.getFile();
    return answer.then([opened, options, seal, remote, known, keepsSnapshot](auto reply) {
      checked([&] {
        opened->info = wire::read(reply.getInfo());
        if (options.snapshotBytes != 0 && reply.getSnapshot().getNodes().size() != 0) {
          std::vector<NodeInfo> nodes;
          for (auto node : reply.getSnapshot().getNodes()) nodes.push_back(wire::read(node));
          opened->snapshot = std::make_unique<SnapshotIndex>(std::move(nodes));
          if (keepsSnapshot && !opened->info.isSwmr) opened->toKeep = entryOf(opened->info.version, reply.getSnapshot());
        } else if (known && known->version == opened->info.version) {
          opened->snapshot = std::make_unique<SnapshotIndex>(known->nodes);
        }
      });
      seal(remote);
    });
  });
}

void FileState::openAgainOn(const std::shared_ptr<Channel>& channel) const {
  remote_ = onLoop<RemoteFile>(channel->loop());
  remote_->channel = channel;
  Bytes ticket;
  {
    std::lock_guard lock(ticket_->mutex);
    ticket = ticket_->bytes;
  }
  Connection::startOn(channel, [remote = remote_, path = path_, before = opened_->info, ticket,
                                seal = sealing()]() -> kj::Promise<void> {
    remote->file = ticket.empty() ? openByPath(*remote->channel, path, before)
                                  : openByTicket(remote->channel, ticket, path, before);
    seal(remote);  // a server that was restarted makes others
    return kj::READY_NOW;
  });
}

// Asks for a ticket once the file has been open for a while, and tells nobody.
std::function<void(const std::shared_ptr<RemoteFile>&)> FileState::sealing() const {
  return [ticket = ticket_](const std::shared_ptr<RemoteFile>& opened) {
    auto& peer = opened->channel->peer();
    auto sealed = peer.loop.timer().afterDelay(SEAL_AFTER).then(
        [ticket, weak = std::weak_ptr<RemoteFile>(opened)]() -> kj::Promise<void> {
          auto remote = weak.lock();
          if (!remote) return kj::READY_NOW;
          return remote->file.sealRequest().send().then([ticket](auto reply) {
            std::lock_guard lock(ticket->mutex);
            ticket->bytes = wire::readBytes(reply.getTicket());
          });
        });
    peer.tasks.add(sealed.catch_([](kj::Exception&&) {}));
  };
}

bool FileState::isBeingOpened() const {
  std::lock_guard lock(mutex_);
  return !opening_->isDone();
}

std::string FileState::snapshotKey() const { return "snapshot\n" + format(connection_->endpoint()) + "\n" + path_; }

std::shared_ptr<FileState::Known> FileState::knownSnapshot() const {
  auto entry = cache_->find(snapshotKey());
  if (!entry) return nullptr;
  try {
    auto known = std::make_shared<Known>();
    std::uint64_t size = 0;
    if (entry->size() < sizeof size) return nullptr;
    std::memcpy(&size, entry->data(), sizeof size);
    const std::size_t padded = (size + 7) / 8 * 8;
    if (size > entry->size() || padded + sizeof size > entry->size()) return nullptr;
    known->version.assign(entry->begin() + sizeof size, entry->begin() + sizeof size + static_cast<std::ptrdiff_t>(size));
    auto words = kj::heapArray<capnp::word>((entry->size() - sizeof size - padded) / sizeof(capnp::word));
    std::memcpy(words.begin(), entry->data() + sizeof size + padded, words.asBytes().size());
    capnp::ReaderOptions limits;
    limits.traversalLimitInWords = rpc::MAX_MESSAGE_WORDS;
    capnp::FlatArrayMessageReader message(words, limits);
    for (auto node : message.getRoot<rpc::Snapshot>().getNodes()) known->nodes.push_back(wire::read(node));
    return known;
  } catch (const std::exception&) {
    return nullptr;  // of another version of this program, perhaps
  } catch (const kj::Exception&) {
    return nullptr;
  }
}

FileState::~FileState() {
  if (opening_ && !opening_->isDone()) opening_->cancel();
}

const FileInfo& FileState::info() const {
  return retried(*connection_, [&]() -> const FileInfo& {
    SharedCall opening;
    std::shared_ptr<Opened> opened;
    {
      std::lock_guard lock(mutex_);
      opening = opening_;
      opened = opened_;
    }
    if (!opening->isDone() || opening->hasFailed()) {
      remote();  // after a fork or a loss, there is another
      std::lock_guard lock(mutex_);
      opening = opening_;
      opened = opened_;
    }
    connection_->wait(opening, Connection::GiveUp::leave);
    if (!opened->toKeep.empty()) std::call_once(opened->kept, [&] { cache_->keep(snapshotKey(), opened->toKeep); });
    return opened->info;
  });
}

const SnapshotIndex* FileState::snapshot() const {
  info();
  std::lock_guard lock(mutex_);
  return opened_->snapshot.get();
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

}  // namespace h5cap::detail
