#include "server/session/reply-room.h"

#include <utility>

namespace h5cap {
namespace {

// Of these, peers that take nothing leave gaps in the heap.
constexpr std::uint64_t largeReply = 1 << 20;

// The memory of more than this is asked for in turns of the event loop's thread, which clears it.
constexpr std::uint64_t quickReply = 64 << 10;

}  // namespace

ReplyRoom::~ReplyRoom() noexcept(false) {
  caller_->server.bytesAside -= aside_;
  if (ofConnection_.get() != nullptr) caller_->connection->giveBackLater(kj::mv(ofConnection_));
  if (ofServer_.get() != nullptr) caller_->connection->giveBackWhenWritten(kj::mv(ofServer_), reserved_);
}

void ReplyRoom::giveBack() {
  ofConnection_ = nullptr;
  ofServer_ = nullptr;
}

bool ReplyRoom::standAside() {
  ServerContext& server = caller_->server;
  if (server.bytesAside + reserved_ > server.limits.replyBytesAside) return false;
  server.bytesAside += reserved_;
  aside_ += std::exchange(reserved_, 0);
  giveBack();
  return true;
}

kj::Promise<void> ReplyRoom::reserve(std::uint64_t bytes) {
  giveBack();
  reserved_ = bytes;
  if (bytes >= largeReply) caller_->connection->hoarded = true;
  Quota& quota = *caller_->connection->replyBytes;
  KJ_IF_MAYBE(lease, quota.tryTake(bytes)) {
    ofConnection_ = kj::mv(*lease);
    return reserveOfServer(bytes);
  }
  return quota.take(bytes).then([this, bytes](kj::Own<Quota::Lease> lease) {
    ofConnection_ = kj::mv(lease);
    return reserveOfServer(bytes);
  });
}

kj::Promise<void> ReplyRoom::reserveOfServer(std::uint64_t bytes) {
  const FairQuota& quota = caller_->server.replyBytes;
  KJ_IF_MAYBE(lease, quota.tryTake(caller_->principal->id(), bytes)) {
    ofServer_ = kj::mv(*lease);
    return turnFor(bytes);
  }
  return quota.take(caller_->principal->id(), bytes).then([this, bytes](kj::Own<FairQuota::Lease> lease) {
    ofServer_ = kj::mv(lease);
    return turnFor(bytes);
  });
}

kj::Promise<void> ReplyRoom::turnFor(std::uint64_t bytes) {
  if (bytes <= quickReply) return kj::READY_NOW;
  return caller_->server.loop.take(caller_->owner(), bytes);
}

}  // namespace h5cap
