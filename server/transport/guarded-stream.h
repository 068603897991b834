// The stream between a socket and Cap'n Proto, which says of itself that it is not robust against a hostile peer.
//
// Incoming bytes are handed on only once the header of their message has been checked: the number of segments and the
// size.  They are read ahead; reading pauses while too much waits to be sent.  Small writes are collected and leave
// together when the event loop has nothing else to do; large ones leave at once, together with what was collected
// before them, in pieces that each wait for a turn.
#pragma once

#include <kj/async-io.h>
#include <kj/function.h>

#include <cstdint>
#include <string>
#include <vector>

namespace h5cap {

struct StreamLimits {
  // Behaviour.
  std::uint32_t maxSegments = 64;
  std::uint64_t maxMessageBytes = 8 << 20;

  // Performance.
  std::size_t readAheadBytes = 64 << 10;
  std::size_t smallWriteBytes = 16 << 10;
  std::size_t pieceBytes = 256 << 10;  // of large writes; what is no larger waits for no turn
  std::uint64_t maxUnsentBytes = 8 << 20;  // reading pauses above
};

// Writes must not overlap (Cap'n Proto's do not); reads must not either.
class GuardedStream final : public kj::AsyncIoStream {
 public:
  explicit GuardedStream(kj::Own<kj::AsyncIoStream> inner, StreamLimits limits = {});

  // Counts bytes that wait elsewhere to be written here.
  void countAlso(kj::Function<std::uint64_t()> elsewhere) { elsewhere_ = kj::mv(elsewhere); }

  // Called, at the end of the event loop's turn, whenever something has been written.
  void onWritten(kj::Function<void()> callback) { written_ = kj::mv(callback); }

  // Asked before each piece of a large write, with its bytes: resolves when it may be written.
  using Turn = kj::Function<kj::Promise<void>(std::uint64_t bytes)>;
  // While `isAlone`, large writes are not cut.
  void inTurns(Turn turn, kj::Function<bool()> isAlone) {
    turn_ = kj::mv(turn);
    isAlone_ = kj::mv(isAlone);
  }

  std::uint64_t bufferedBytes() const { return pending_.size() + leaving_.size(); }
  std::uint64_t unsentBytes();
  std::uint64_t bytesReceived() const { return received_; }
  std::uint64_t bytesSent() const { return sent_; }

  // Messages whose header was let through; and whether it is for the peer to end one, or to send its first.
  std::uint64_t messagesBegun() const { return messagesBegun_; }

  // Of the largest message, without its header.
  std::uint64_t largestReceived() const { return largestReceived_; }
  bool awaitsRest() const { return receiving_ && (messagesBegun_ == 0 || bodyLeft_ > 0 || approved_ != end_); }

  // Whether the peer has closed its end, of which nothing is seen while nothing is received.
  bool isCutOff() const;

  // Why the peer's bytes were not let through; empty when they all were.
  const std::string& refusal() const { return refusal_; }

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t minBytes, std::size_t maxBytes) override;
  kj::Promise<void> write(const void* buffer, std::size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override;
  void abortRead() override { inner_->abortRead(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override {
    inner_->getsockopt(level, option, value, length);
  }

 private:
  kj::Promise<std::size_t> readMore(kj::byte* target, std::size_t minBytes, std::size_t maxBytes, std::size_t done);
  std::size_t takeApproved(kj::byte* target, std::size_t maxBytes);
  kj::Promise<void> waitForRoom();
  void approve();
  [[noreturn]] void refuse(std::string why);

  void flushLater();
  kj::Promise<void> flush();
  kj::Promise<void> writeLarge(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces, std::size_t total);
  kj::Promise<void> writePiece(kj::ArrayPtr<kj::ArrayPtr<const kj::byte>> left);
  void notifyLater();

  kj::Own<kj::AsyncIoStream> inner_;
  StreamLimits limits_;
  kj::Maybe<kj::Function<std::uint64_t()>> elsewhere_;
  kj::Maybe<kj::Function<void()>> written_;
  kj::Maybe<Turn> turn_;
  kj::Function<bool()> isAlone_ = [] { return false; };
  std::uint64_t received_ = 0, sent_ = 0;
  std::string refusal_;

  // Read ahead: [begin, approved) may be handed on, [approved, end) waits for the rest of its header.
  std::vector<kj::byte> ahead_;
  std::size_t begin_ = 0, approved_ = 0, end_ = 0;
  std::uint64_t messagesBegun_ = 0;
  std::uint64_t largestReceived_ = 0;
  bool receiving_ = false;
  std::uint64_t bodyLeft_ = 0;  // of the message whose header was approved
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> roomWaiter_;

  // Writing.
  enum class Flush { idle, scheduled, running };
  std::vector<kj::byte> pending_;  // small messages, collected
  std::vector<kj::byte> leaving_;  // being written
  Flush state_ = Flush::idle;
  bool shutdownWhenFlushed_ = false;
  kj::Maybe<kj::Exception> broken_;
  kj::ForkedPromise<void> flushing_ = nullptr;
  kj::Promise<void> notifying_ = nullptr;
  bool notifyScheduled_ = false;
};

}  // namespace h5cap
