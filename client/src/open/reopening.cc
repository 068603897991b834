#include "client/src/open/reopening.h"

#include "client/src/rpc/checked.h"
#include "client/src/rpc/peer.h"
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

kj::Promise<rpc::File::Client> openByPath(Channel& channel, const std::string& path, const FileInfo& before) {
  auto request = channel.peer().root.openFileRequest();
  request.setPath(path);
  request.initOptions().setIfVersion(wire::asData(before.version));
  return request.send().then([before](auto reply) {
    // Also checked here: earlier servers do not know ifVersion.
    checked([&] { checkSame(before, wire::read(reply.getInfo())); });
    return reply.getFile();
  });
}

// Whether the server does not take the ticket, which says nothing of the file.  Earlier servers know no
// `unknownTicket`, and say `denied` of tickets that their predecessors made; the earliest restore nothing.
bool refusesTicket(const kj::Exception& problem) {
  const ErrorCode code = codeOf(problem);
  return code == ErrorCode::unknownTicket || code == ErrorCode::denied || code == ErrorCode::unimplemented;
}

void forget(ForkGuarded<Bytes>& ticket, const Bytes& refused) {
  auto bytes = ticket.lock();
  if (*bytes == refused) bytes->clear();
}

}  // namespace

void sealLater(const std::shared_ptr<RemoteFile>& opened, const SharedTicket& ticket) {
  auto& peer = opened->channel->peer();
  auto sealed = peer.loop.timer().afterDelay(SEAL_AFTER).then(
      [ticket, weak = std::weak_ptr<RemoteFile>(opened)]() -> kj::Promise<void> {
        auto remote = weak.lock();
        if (!remote) return kj::READY_NOW;
        return remote->file.sealRequest().send().then(
            [ticket](auto reply) { *ticket->lock() = wire::readBytes(reply.getTicket()); });
      });
  peer.tasks.add(sealed.catch_([](kj::Exception&&) {}));
}

kj::Promise<rpc::File::Client> openAgain(const std::shared_ptr<Channel>& channel, const SharedTicket& ticket,
                                         const std::string& path, const FileInfo& before) {
  const Bytes bytes = *ticket->lock();
  if (bytes.empty()) return openByPath(*channel, path, before);
  auto request = channel->peer().service.restoreRequest();
  request.setTicket(wire::asData(bytes));
  return request.send().then(
      [before](auto reply) {
        checked([&] { checkSame(before, wire::read(reply.getFile())); });
        return kj::Promise<rpc::File::Client>(reply.getObject().template castAs<rpc::File>());
      },
      [channel, ticket, bytes, path, before](kj::Exception&& problem) -> kj::Promise<rpc::File::Client> {
        if (!refusesTicket(problem)) return kj::mv(problem);
        forget(*ticket, bytes);
        return openByPath(*channel, path, before);
      });
}

}  // namespace h5cap::detail
