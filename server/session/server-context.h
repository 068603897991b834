// What every object of the server works with, what is counted for one connection, and who calls.
#pragma once

#include <capnp/capability.h>
#include <kj/refcount.h>
#include <kj/timer.h>
#include <kj/vector.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <string>

#include "server/access/opener.h"
#include "server/base/fair-quota.h"
#include "server/base/loop-turns.h"
#include "server/base/principal.h"
#include "server/base/quota.h"
#include "server/executor/chunk-cache.h"
#include "server/executor/executor.h"
#include "server/planner-pool/planner-pool.h"
#include "server/session/methods.h"
#include "server/session/ticket.h"
#include "server/versions/served-file.h"

namespace h5cap {

struct ObjectLimits {
  // Behaviour.
  std::uint64_t fileDescriptors = 4'096;               // that all open files may take
  // of objects that all peers hold; one alone half of it, then: busy
  std::uint64_t handleBytes = 96 << 20;
  ServedFilesOptions files;
  std::uint64_t heldAnswers = 8'192;                   // answers that a peer has not released; beyond it: busy
  std::uint64_t heldAnswerBytes = 64 << 20;            // likewise
  // of answers of all peers, not taken or not released; one alone half of it, then: busy
  std::uint64_t allAnswerBytes = 512 << 20;
  std::uint64_t heldAnswersAtMost = 32'768;            // beyond it the connection ends
  std::uint64_t hoard = 1'000;                         // objects or answers held: from here on memory is given back
  std::chrono::milliseconds changedFor{2'000};         // how long a read of a changing file is retried
  std::chrono::milliseconds readTime{300'000};         // of one read, whatever deadline it has of its own

  // Performance.
  std::uint64_t bytesInOneReply = rpc::MAX_REPLY_BYTES;  // of elements, or of a file as it is stored; never more
  std::uint64_t replyBytesPerConnection = 4 << 20;     // produced and not yet written
  std::uint64_t replyBytes = 256 << 20;                // of all connections, being produced
  std::uint64_t readsPerConnection = 16;               // under way at once
  std::uint64_t callsPerConnection = 64;               // under way at once, reads apart; others wait
  std::uint64_t replyBytesAside = 64 << 20;            // besides: whose memory waits for storage that may hang
  std::uint64_t callsAside = 64;                       // besides these: that take long while others wait
};

struct ServerContext {
  ServerContext(Opener& opener, PlannerPool& planners, Executor& executor, ChunkCache& chunks, kj::Timer& timer,
                ObjectLimits limits = {})
      : opener(opener), planners(planners), executor(executor), chunks(chunks), timer(timer), limits(limits),
        files(planners, executor, chunks.memory(), timer, limits.files), replyBytes(limits.replyBytes),
        principals({Stock("open files", limits.fileDescriptors), Stock("bytes of objects", limits.handleBytes),
                    Stock("bytes of answers", limits.allAnswerBytes)}),
        loop(timer) {}

  Opener& opener;
  PlannerPool& planners;
  Executor& executor;
  ChunkCache& chunks;
  kj::Timer& timer;
  ObjectLimits limits;
  ServedFiles files;
  const TicketOffice tickets;
  const MethodTable methods;
  capnp::CapabilityServerSet<capnp::Capability> handedOut;  // every capability that was given to anybody
  const FairQuota replyBytes;
  const Principals principals;
  LoopTurns loop;
  std::uint64_t bytesAside = 0;  // of replies whose storage keeps them waiting
  std::atomic<std::uint64_t> runningCalls = 0;
  std::atomic<std::uint64_t> connectionCount = 0;  // so far
  std::atomic<std::uint64_t> connectionsEnded = 0;
};

// The turn of one call under way, which it may have to give to others.
class CallTurn {
 public:
  virtual kj::TimePoint began() const = 0;
  virtual void standAside() = 0;

 protected:
  ~CallTurn() = default;
};

// One connection: the bytes and turns of one wire, whatever its peer logs in as.  Belongs to the event loop that serves
// it, from its first byte to its last.
class ConnectionState : public kj::Refcounted {
 public:
  // `principal`: whom the transport has shown.
  ConnectionState(ServerContext& server, kj::Own<const Principal> principal)
      : server(server), principal(kj::mv(principal)), id(++server.connectionCount),
        replyBytes(kj::refcounted<Quota>(server.limits.replyBytesPerConnection)),
        reads(kj::refcounted<Quota>(server.limits.readsPerConnection)),
        calls(kj::refcounted<Quota>(server.limits.callsPerConnection)) {}
  ~ConnectionState() noexcept(false) { replyBytes->countAlso([] { return std::uint64_t{0}; }); }

  // Gives leases back once the event loop has nothing else to do: by then an answer that was just made stands in the
  // connection's queue and is counted there.
  void giveBackLater(kj::Own<void> lease) {
    leases_.add(kj::mv(lease));
    tidyLater();
  }

  // Likewise, once the peer has taken what was made with them.
  void giveBackWhenWritten(kj::Own<void> lease, std::uint64_t bytes) {
    written_.push_back({kj::mv(lease), bytes});
    writtenBytes_ += bytes;
    tidyLater();
  }

  // What the connection still has to write; `wrote` is to be called when that shrinks.
  void countUnsent(kj::Function<std::uint64_t()> unsent) {
    unsent_ = kj::mv(unsent);
    replyBytes->countAlso([this] { return unsent_(); });
    wrote();
  }
  void wrote() {
    replyBytes->recheck();
    const std::uint64_t unsent = unsent_();
    while (!written_.empty() && (unsent == 0 || writtenBytes_ - written_.front().bytes >= unsent)) {
      writtenBytes_ -= written_.front().bytes;
      written_.pop_front();
    }
  }

  WorkOwner owner() const { return {principal->id(), id}; }

  ServerContext& server;
  const kj::Own<const Principal> principal;
  const std::uint64_t id;
  kj::Own<Quota> replyBytes;
  kj::Own<Quota> reads;
  kj::Own<Quota> calls;
  std::list<CallTurn*> turns;     // of calls under way, those that began first first
  std::uint64_t callsAside = 0;   // under way without a turn
  std::uint64_t handles = 0;
  std::uint64_t heldAnswers = 0;  // given, and not released by the peer
  std::uint64_t answerBytes = 0;  // of answers that are in memory
  bool hoarded = false;           // at some time it held so much that the memory is worth giving back

 private:
  struct ForWritten {
    kj::Own<void> lease;
    std::uint64_t bytes;
  };

  void tidyLater() {
    if (isTidying_) return;
    isTidying_ = true;
    tidying_ = kj::evalLast([this] {
                 isTidying_ = false;
                 auto returned = kj::mv(leases_);
                 wrote();
               }).eagerlyEvaluate([](kj::Exception&&) {});
  }

  kj::Function<std::uint64_t()> unsent_ = [] { return std::uint64_t{0}; };
  kj::Vector<kj::Own<void>> leases_;
  std::deque<ForWritten> written_;  // oldest first
  std::uint64_t writtenBytes_ = 0;
  bool isTidying_ = false;
  kj::Promise<void> tidying_ = nullptr;
};

// Who calls: somebody, on a connection.  Calls are counted for, and their results belong to, whoever holds the
// capability that they go through, which may be another caller than the one whose session the object behind it is of.
class Caller : public kj::Refcounted {
 public:
  Caller(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal)
      : server(connection->server), connection(kj::mv(connection)), principal(kj::mv(principal)) {}

  kj::Own<const Principal> shared() const { return kj::atomicAddRef(*principal); }
  WorkOwner owner() const { return {principal->id(), connection->id}; }

  ServerContext& server;
  kj::Own<ConnectionState> connection;
  const kj::Own<const Principal> principal;
};

// One login: as whom files are opened, and the connection that keeps them open between calls.
class SessionState : public kj::Refcounted {
 public:
  explicit SessionState(Caller& caller)
      : server(caller.server), connection(kj::addRef(*caller.connection)), principal(caller.shared()) {}

  kj::Own<const Principal> shared() const { return kj::atomicAddRef(*principal); }
  WorkOwner owner() const { return {principal->id(), connection->id}; }

  ServerContext& server;
  kj::Own<ConnectionState> connection;
  const kj::Own<const Principal> principal;
};

}  // namespace h5cap
