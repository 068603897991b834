// Cap'n Proto messages over a byte stream, counted, with every frame header checked before anything is allocated.
#pragma once

#include <atomic>
#include <cstdint>

#include <capnp/serialize-async.h>
#include <kj/async-io.h>

namespace h5cap::detail {

struct Counters {
  std::atomic<std::uint64_t> bytesReceived{0}, bytesSent{0}, messagesReceived{0}, messagesSent{0};
};

// Cap'n Proto 0.9's own reader overflows on a segment count of FF FF FF FF, so this one reads frames by itself.
class CheckedMessageStream final : public capnp::MessageStream {
 public:
  CheckedMessageStream(kj::AsyncIoStream& stream, Counters& counters) : stream_(stream), counters_(counters) {}

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd> fdSpace,
                                                                    capnp::ReaderOptions options,
                                                                    kj::ArrayPtr<capnp::word> scratchSpace) override;
  kj::Promise<void> writeMessage(kj::ArrayPtr<const int> fds,
                                 kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override { return nullptr; }
  kj::Promise<void> end() override;

 private:
  static constexpr std::uint32_t MAX_SEGMENTS = 512;
  // One word holds the segment count and the first size; the rest of the table follows.
  static constexpr std::size_t MAX_TABLE_WORDS = MAX_SEGMENTS / 2 + 1;

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> readRest(capnp::ReaderOptions options);
  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> readSegments(capnp::ReaderOptions options, std::size_t tableWords,
                                                                  std::uint32_t segments);

  kj::AsyncIoStream& stream_;
  Counters& counters_;
  std::uint32_t table_[MAX_TABLE_WORDS * 2];
};

}  // namespace h5cap::detail
