// Memory for the elements of one reply.
#pragma once

#include "server/session/server-context.h"

namespace h5cap {

// How long storage that may hang is waited for before others have the room.
inline constexpr kj::Duration storagePatience = 1 * kj::SECONDS;

// Room in the budget of the connection that calls, and in the server's, which principals share fairly.  Held until the
// call is over: from then on the message stands in the connection's queue, which counts against the same budget; and in
// the server's until the peer has taken it.
class ReplyRoom {
 public:
  explicit ReplyRoom(Caller& caller) : caller_(kj::addRef(caller)) {}
  ~ReplyRoom() noexcept(false);
  KJ_DISALLOW_COPY(ReplyRoom);

  // Waits for room for `bytes`; what was reserved before is given back.  This outlives the promise.
  kj::Promise<void> reserve(std::uint64_t bytes);

  // Lets others have what was reserved, while its memory waits for storage that may hang.  False when so much of it
  // does already that it has to be kept.
  bool standAside();

  Caller& caller() { return *caller_; }

 private:
  kj::Promise<void> reserveOfServer(std::uint64_t bytes);
  kj::Promise<void> turnFor(std::uint64_t bytes);
  void giveBack();

  kj::Own<Caller> caller_;
  kj::Own<Quota::Lease> ofConnection_;  // null before the first reserve()
  kj::Own<FairQuota::Lease> ofServer_;  // likewise
  std::uint64_t reserved_ = 0;
  std::uint64_t aside_ = 0;  // of ServerContext::bytesAside
};

}  // namespace h5cap
