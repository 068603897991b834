#include "server/transport/guarded-stream.h"

#include <kj/debug.h>
#include <kj/vector.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace h5cap {
namespace {

constexpr std::size_t wordBytes = 8;

std::uint32_t littleEndian(const kj::byte* at) {
  return at[0] | at[1] << 8 | at[2] << 16 | std::uint32_t{at[3]} << 24;
}

// Who speaks another protocol begins with one of these.
const char* protocolOf(const kj::byte* first) {
  static constexpr struct {
    const char* start;
    const char* name;
  } known[] = {{"GET ", "HTTP"}, {"POST", "HTTP"}, {"HEAD", "HTTP"}, {"PUT ", "HTTP"}, {"OPTI", "HTTP"},
               {"PRI ", "HTTP/2"}, {"SSH-", "SSH"}};
  for (auto& entry : known)
    if (std::memcmp(first, entry.start, 4) == 0) return entry.name;
  return first[0] == 0x16 && first[1] == 0x03 ? "TLS" : nullptr;
}

}  // namespace

GuardedStream::GuardedStream(kj::Own<kj::AsyncIoStream> inner, StreamLimits limits)
    : inner_(kj::mv(inner)), limits_(limits), ahead_(limits.readAheadBytes) {}

std::uint64_t GuardedStream::unsentBytes() {
  std::uint64_t bytes = bufferedBytes();
  KJ_IF_MAYBE(elsewhere, elsewhere_) bytes += (*elsewhere)();
  return bytes;
}

// ----------------------------------------------------------------------------------------------------------- reading

kj::Promise<std::size_t> GuardedStream::tryRead(void* buffer, std::size_t minBytes, std::size_t maxBytes) {
  return readMore(static_cast<kj::byte*>(buffer), minBytes, maxBytes, 0);
}

kj::Promise<std::size_t> GuardedStream::readMore(kj::byte* target, std::size_t minBytes, std::size_t maxBytes,
                                                 std::size_t done) {
  done += takeApproved(target + done, maxBytes - done);
  if (done >= minBytes) return done;
  return waitForRoom().then([this, target, minBytes, maxBytes, done] {
    // What is left is part of a header, and headers are short.
    std::memmove(ahead_.data(), ahead_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = approved_ = 0;
    receiving_ = true;
    return inner_->tryRead(ahead_.data() + end_, 1, ahead_.size() - end_)
        .then([this, target, minBytes, maxBytes, done](std::size_t count) -> kj::Promise<std::size_t> {
          receiving_ = false;
          if (count == 0) return done;
          received_ += count;
          end_ += count;
          approve();
          return readMore(target, minBytes, maxBytes, done);
        });
  });
}

std::size_t GuardedStream::takeApproved(kj::byte* target, std::size_t maxBytes) {
  const std::size_t count = std::min(maxBytes, approved_ - begin_);
  std::copy_n(ahead_.data() + begin_, count, target);  // which has no place to go for the body of an empty message
  begin_ += count;
  return count;
}

kj::Promise<void> GuardedStream::waitForRoom() {
  if (unsentBytes() <= limits_.maxUnsentBytes) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  roomWaiter_ = kj::mv(paf.fulfiller);
  return kj::mv(paf.promise);
}

bool GuardedStream::isCutOff() const {
  if (receiving_) return false;
  KJ_IF_MAYBE(descriptor, inner_->getFd()) {
    pollfd looked{*descriptor, POLLRDHUP, 0};
    return ::poll(&looked, 1, 0) == 1 && (looked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }
  return false;
}

// Follows the framing: per message the number of segments less one, their sizes in words, padding to a word, the
// segments.
void GuardedStream::approve() {
  while (approved_ < end_) {
    if (bodyLeft_ > 0) {
      const std::uint64_t part = std::min<std::uint64_t>(bodyLeft_, end_ - approved_);
      approved_ += part;
      bodyLeft_ -= part;
      continue;
    }
    const std::size_t available = end_ - approved_;
    if (available < sizeof(std::uint32_t)) return;
    const kj::byte* header = ahead_.data() + approved_;
    const std::uint32_t segmentsLessOne = littleEndian(header);
    if (segmentsLessOne >= limits_.maxSegments) {
      const char* protocol = protocolOf(header);
      refuse(protocol != nullptr ? std::string("the peer speaks another protocol: ") + protocol
                                 : "the peer sent a malformed message header");
    }
    const std::size_t segments = segmentsLessOne + 1;
    const std::size_t headerBytes = (sizeof(std::uint32_t) * (segments + 1) + wordBytes - 1) / wordBytes * wordBytes;
    if (available < headerBytes) return;
    std::uint64_t words = 0;
    for (std::size_t i = 0; i < segments; ++i) words += littleEndian(header + sizeof(std::uint32_t) * (i + 1));
    if (words > limits_.maxMessageBytes / wordBytes)
      refuse("the peer sent a message larger than is accepted: " + std::to_string(words * wordBytes) + " bytes");
    approved_ += headerBytes;
    bodyLeft_ = words * wordBytes;
    largestReceived_ = std::max(largestReceived_, bodyLeft_);
    ++messagesBegun_;
  }
}

void GuardedStream::refuse(std::string why) {
  refusal_ = std::move(why);
  kj::throwFatalException(
      kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__, kj::heapString(refusal_.c_str())));
}

// ----------------------------------------------------------------------------------------------------------- writing

kj::Promise<void> GuardedStream::write(const void* buffer, std::size_t size) {
  const kj::ArrayPtr<const kj::byte> piece(static_cast<const kj::byte*>(buffer), size);
  if (size < limits_.smallWriteBytes) return write(kj::arrayPtr(&piece, 1));
  auto pieces = kj::heapArray<kj::ArrayPtr<const kj::byte>>({piece});
  auto promise = write(pieces.asPtr());
  return promise.attach(kj::mv(pieces));
}

kj::Promise<void> GuardedStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  KJ_IF_MAYBE(problem, broken_) return kj::cp(*problem);
  std::size_t total = 0;
  for (auto& piece : pieces) total += piece.size();
  if (total >= limits_.smallWriteBytes || pending_.size() + total > limits_.readAheadBytes)
    return writeLarge(pieces, total);
  for (auto& piece : pieces) pending_.insert(pending_.end(), piece.begin(), piece.end());
  flushLater();
  return kj::READY_NOW;
}

// Behind what is ready now, so that small answers leave together; not behind everything, which never ends while a crowd
// asks (measured: three seconds for an answer of a few bytes).
void GuardedStream::flushLater() {
  if (state_ != Flush::idle) return;
  state_ = Flush::scheduled;
  flushing_ = kj::evalLater([this] { return flush(); })
                  .catch_([this](kj::Exception&& problem) {
                    broken_ = kj::cp(problem);
                    state_ = Flush::idle;
                    pending_.clear();
                    leaving_.clear();
                    notifyLater();
                    kj::throwFatalException(kj::mv(problem));
                  })
                  .fork();
}

kj::Promise<void> GuardedStream::flush() {
  state_ = Flush::running;
  leaving_.clear();
  if (pending_.empty()) {
    state_ = Flush::idle;
    notifyLater();
    if (shutdownWhenFlushed_) inner_->shutdownWrite();
    return kj::READY_NOW;
  }
  leaving_.swap(pending_);
  return inner_->write(leaving_.data(), leaving_.size()).then([this] {
    sent_ += leaving_.size();
    return flush();
  });
}

kj::Promise<void> GuardedStream::writeLarge(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces,
                                            std::size_t total) {
  if (state_ == Flush::running)
    return flushing_.addBranch().then([this, pieces, total] { return writeLarge(pieces, total); });
  // What was collected goes first, in the same system call.
  state_ = Flush::idle;
  flushing_ = nullptr;
  leaving_.clear();
  leaving_.swap(pending_);
  auto all = kj::heapArrayBuilder<kj::ArrayPtr<const kj::byte>>(pieces.size() + 1);
  if (!leaving_.empty()) all.add(kj::arrayPtr(leaving_.data(), leaving_.size()));
  for (auto& piece : pieces) all.add(piece);
  auto together = kj::heapArray<kj::ArrayPtr<const kj::byte>>(all.asPtr());
  const std::uint64_t before = sent_;
  const bool isOnePiece = total + leaving_.size() <= limits_.pieceBytes || isAlone_();
  auto writing = isOnePiece ? inner_->write(together.asPtr()) : writePiece(together.asPtr());
  return writing
      .then([this, before, total] {
        sent_ = before + total + leaving_.size();
        leaving_.clear();
        notifyLater();
      })
      .attach(kj::mv(together));
}

// Takes it off the front of `left`, and goes on until nothing is left.
kj::Promise<void> GuardedStream::writePiece(kj::ArrayPtr<kj::ArrayPtr<const kj::byte>> left) {
  kj::Vector<kj::ArrayPtr<const kj::byte>> piece;
  std::size_t size = 0;
  while (left.size() > 0 && size < limits_.pieceBytes) {
    auto& first = left.front();
    const std::size_t part = std::min(first.size(), limits_.pieceBytes - size);
    piece.add(first.slice(0, part));
    size += part;
    first = first.slice(part, first.size());
    if (first.size() == 0) left = left.slice(1, left.size());
  }
  if (piece.empty()) return kj::READY_NOW;
  kj::Promise<void> turn = kj::READY_NOW;
  KJ_IF_MAYBE(take, turn_) turn = (*take)(size);
  return turn
      .then([this, pieces = piece.releaseAsArray()]() mutable {
        auto writing = inner_->write(pieces.asPtr());
        return writing.attach(kj::mv(pieces));
      })
      .then([this, size, left]() mutable {
        sent_ += size;
        return writePiece(left);
      });
}

void GuardedStream::shutdownWrite() {
  if (state_ == Flush::idle)
    inner_->shutdownWrite();
  else
    shutdownWhenFlushed_ = true;
}

// Cap'n Proto takes a message out of its own count only after the write has been reported to it: hence the detour.
void GuardedStream::notifyLater() {
  if (notifyScheduled_) return;
  notifyScheduled_ = true;
  notifying_ = kj::evalLast([this] {
                 notifyScheduled_ = false;
                 KJ_IF_MAYBE(callback, written_) (*callback)();
                 if (unsentBytes() > limits_.maxUnsentBytes) return;
                 KJ_IF_MAYBE(waiter, roomWaiter_) (*waiter)->fulfill();
                 roomWaiter_ = nullptr;
               }).eagerlyEvaluate([](kj::Exception&&) {});
}

}  // namespace h5cap
