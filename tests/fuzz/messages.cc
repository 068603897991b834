// What a peer sends on a connection, in pieces of any size: of well-formed messages every byte is handed on, of others
// nothing behind what is wrong; and messages of RPC are read as Cap'n Proto and our methods read them.
#include <capnp/rpc.capnp.h>
#include <capnp/serialize-async.h>
#include <h5cap/service.capnp.h>
#include <kj/async-io.h>

#include <algorithm>
#include <cstring>

#include "from-bytes.h"
#include "fuzz.h"
#include "server/transport/guarded-stream.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

constexpr std::size_t MOST_READ = 1 << 16;

// A socket on which bytes arrive in pieces.
class Arriving final : public kj::AsyncIoStream {
 public:
  Arriving(std::span<const std::byte> bytes, FromBytes sizes) : left_(bytes), sizes_(sizes) {}

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t minBytes, std::size_t maxBytes) override {
    const std::size_t count = std::min({std::max<std::size_t>(1 + sizes_.byte(), minBytes), maxBytes, left_.size()});
    std::copy_n(left_.begin(), count, static_cast<std::byte*>(buffer));
    left_ = left_.subspan(count);
    return count;
  }
  kj::Promise<void> write(const void*, std::size_t) override { return kj::READY_NOW; }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>) override { return kj::READY_NOW; }
  kj::Promise<void> whenWriteDisconnected() override { return kj::NEVER_DONE; }
  void shutdownWrite() override {}

 private:
  std::span<const std::byte> left_;
  FromBytes sizes_;
};

// How many bytes of a stream are well-formed, read as plainly as can be; and whether something wrong follows.
struct Approved {
  std::size_t bytes = 0;
  bool isRefused = false;
};

Approved approvedOf(std::span<const std::byte> stream, const StreamLimits& limits) {
  auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, stream.data() + at, sizeof value);
    return value;
  };
  for (std::size_t at = 0;;) {
    if (stream.size() - at < 4) return {at, false};
    const std::uint64_t segments = std::uint64_t{number(at)} + 1;
    if (segments > limits.maxSegments) return {at, true};
    const std::size_t header = (4 * (segments + 1) + 7) / 8 * 8;
    if (stream.size() - at < header) return {at, false};
    std::uint64_t body = 0;
    for (std::uint64_t i = 0; i < segments; ++i) body += std::uint64_t{number(at + 4 + 4 * i)} * 8;
    if (body > limits.maxMessageBytes) return {at, true};
    if (stream.size() - at - header < body) return {stream.size(), false};
    at += header + body;
  }
}

void checkFraming(std::span<const std::byte> stream, FromBytes sizes, kj::WaitScope& waitScope) {
  StreamLimits limits;
  limits.maxMessageBytes = 4096;
  limits.readAheadBytes = 1024;
  const Approved expected = approvedOf(stream, limits);
  GuardedStream guarded(kj::heap<Arriving>(stream, sizes), limits);
  std::vector<std::byte> received;
  bool isRefused = false;
  try {
    for (;;) {
      const std::size_t least = 1 + sizes.byte() % 8, most = least + sizes.byte();
      std::vector<std::byte> buffer(most);
      const std::size_t count = guarded.tryRead(buffer.data(), least, most).wait(waitScope);
      insist(count <= most, "no more is handed on than there is room for");
      received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
      if (count < least) break;
    }
  } catch (const kj::Exception&) {
    isRefused = true;
  }
  insist(isRefused == expected.isRefused && isRefused == !guarded.refusal().empty(), "what is malformed is refused");
  // What was well-formed may be lost with the read that met the end of it.
  insist(received.size() <= expected.bytes && (isRefused || received.size() == expected.bytes),
         "what is well-formed is handed on");
  insist(std::equal(received.begin(), received.end(), stream.begin()), "bytes are handed on as they came");
}

// Parameters of the methods that take more than numbers and text.
void readParameters(capnp::AnyPointer::Reader content) {
  accepts([&] {
    auto read = content.getAs<rpc::Dataset::ReadParams>();
    insistSurvives<rpc::Selection>(wire::read(read.getSelection()));
    wire::readBytes(read.getOptions().getKnownVersion());
    wire::readBytes(read.getOptions().getIfVersion());
  });
}

void readTarget(capnp::rpc::MessageTarget::Reader target) {
  if (target.isPromisedAnswer()) target.getPromisedAnswer().getTransform().size();
}

void readMessage(capnp::rpc::Message::Reader message) {
  using Message = capnp::rpc::Message;
  switch (message.which()) {
    case Message::CALL:
      readTarget(message.getCall().getTarget());
      message.getCall().getParams().getCapTable().size();
      return readParameters(message.getCall().getParams().getContent());
    case Message::RETURN:
      if (message.getReturn().isException())
        accepts([&] { wire::rethrow(kj::Exception(kj::Exception::Type::FAILED, "", 0,
                                                  kj::str(message.getReturn().getException().getReason()))); });
      return;
    case Message::DISEMBARGO:
      return readTarget(message.getDisembargo().getTarget());
    default:
      message.totalSize();
  }
}

void readMessages(std::span<const std::byte> stream, FromBytes sizes, kj::WaitScope& waitScope) {
  GuardedStream guarded(kj::heap<Arriving>(stream, sizes));
  for (int i = 0; i < 16; ++i) {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = MOST_READ / sizeof(capnp::word);
    KJ_IF_MAYBE (message, capnp::tryReadMessage(guarded, options).wait(waitScope)) {
      accepts([&] { readMessage((*message)->getRoot<capnp::rpc::Message>()); });
    } else {
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static kj::EventLoop loop;
  static kj::WaitScope waitScope(loop);
  FromBytes from(data, size);
  const FromBytes sizes = from.split(16);
  const auto stream = from.rest();
  checkFraming(stream, sizes, waitScope);
  accepts([&] { readMessages(stream, sizes, waitScope); });
  return 0;
}
