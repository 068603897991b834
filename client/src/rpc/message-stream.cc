#include "client/src/rpc/message-stream.h"

#include <cstring>

#include <capnp/serialize.h>
#include <h5cap/types.capnp.h>
#include <kj/debug.h>

namespace h5cap::detail {

using capnp::MessageReaderAndFds;
using capnp::word;

kj::Promise<kj::Maybe<MessageReaderAndFds>> CheckedMessageStream::tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd>,
                                                                                 capnp::ReaderOptions options,
                                                                                 kj::ArrayPtr<word>) {
  return stream_.tryRead(table_, sizeof(word), sizeof(word))
      .then([this, options](std::size_t got) -> kj::Promise<kj::Maybe<MessageReaderAndFds>> {
        counters_.bytesReceived += got;
        if (got == 0) return kj::Maybe<MessageReaderAndFds>(nullptr);
        if (got < sizeof(word)) {
          kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "the connection ended within a message"));
        }
        return readRest(options);
      });
}

kj::Promise<kj::Maybe<MessageReaderAndFds>> CheckedMessageStream::readRest(capnp::ReaderOptions options) {
  if (table_[0] >= MAX_SEGMENTS) {
    kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "what answers there does not speak h5cap's protocol"));
  }
  std::uint32_t segments = table_[0] + 1;
  std::size_t tableWords = segments / 2 + 1;
  if (tableWords == 1) return readSegments(options, tableWords, segments);
  std::size_t bytes = (tableWords - 1) * sizeof(word);
  return stream_.read(table_ + 2, bytes).then([this, options, tableWords, segments, bytes]() {
    counters_.bytesReceived += bytes;
    return readSegments(options, tableWords, segments);
  });
}

kj::Promise<kj::Maybe<MessageReaderAndFds>> CheckedMessageStream::readSegments(capnp::ReaderOptions options,
                                                                               std::size_t tableWords,
                                                                               std::uint32_t segments) {
  std::uint64_t words = 0;
  for (std::uint32_t i = 0; i < segments; ++i) words += table_[1 + i];
  if (words > rpc::MAX_MESSAGE_WORDS) {
    kj::throwFatalException(
        KJ_EXCEPTION(DISCONNECTED, "a message larger than the protocol allows, or another protocol"));
  }
  auto frame = kj::heapArray<word>(tableWords + words);
  std::memcpy(frame.begin(), table_, tableWords * sizeof(word));
  std::size_t bytes = words * sizeof(word);
  auto promise = stream_.read(frame.begin() + tableWords, bytes);
  return promise.then([this, options, bytes, frame = kj::mv(frame)]() mutable -> kj::Maybe<MessageReaderAndFds> {
    counters_.bytesReceived += bytes;
    ++counters_.messagesReceived;
    kj::ArrayPtr<const word> view = frame;
    kj::Own<capnp::MessageReader> reader = kj::heap<capnp::FlatArrayMessageReader>(view, options).attach(kj::mv(frame));
    return MessageReaderAndFds{kj::mv(reader), nullptr};
  });
}

namespace {

std::uint64_t frameBytes(kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  std::uint64_t words = segments.size() / 2 + 1;
  for (auto& segment : segments) words += segment.size();
  return words * sizeof(word);
}

}  // namespace

kj::Promise<void> CheckedMessageStream::writeMessage(kj::ArrayPtr<const int>,
                                                     kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  counters_.bytesSent += frameBytes(segments);
  ++counters_.messagesSent;
  return capnp::writeMessage(stream_, segments);
}

kj::Promise<void> CheckedMessageStream::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const word>>> messages) {
  for (auto& message : messages) counters_.bytesSent += frameBytes(message);
  counters_.messagesSent += messages.size();
  return capnp::writeMessages(stream_, messages);
}

kj::Promise<void> CheckedMessageStream::end() {
  stream_.shutdownWrite();
  return kj::READY_NOW;
}

}  // namespace h5cap::detail
