#include "server/planner-pool/planner-process.h"

#include <capnp/serialize-async.h>
#include <h5cap/planner.capnp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace h5cap {

namespace {

// What a reader may visit: small replies may be read over and over, large ones a few times.
constexpr std::uint64_t MIN_TRAVERSAL_WORDS = 8u << 20;
constexpr std::uint64_t TRAVERSALS = 4;

// A message that was received, to be read under a limit of its own.  (The limit for receiving is also Cap'n Proto's
// limit for reading, which one pass over a large reply would exhaust.)
struct Received {
  kj::Own<capnp::MessageReader> message;
  kj::Vector<kj::ArrayPtr<const capnp::word>> segments;

  explicit Received(kj::Own<capnp::MessageReader> received) : message(kj::mv(received)) {
    for (unsigned i = 0;; ++i) {
      auto segment = message->getSegment(i);
      if (segment.begin() == nullptr) break;
      segments.add(segment);
      words += segment.size();
    }
  }

  capnp::ReaderOptions options() const {
    capnp::ReaderOptions result;
    result.traversalLimitInWords = kj::max(MIN_TRAVERSAL_WORDS, TRAVERSALS * words);
    return result;
  }

  std::uint64_t words = 0;
};

class ReceivedReader final : private Received, public capnp::SegmentArrayMessageReader {
 public:
  explicit ReceivedReader(kj::Own<capnp::MessageReader> received)
      : Received(kj::mv(received)), SegmentArrayMessageReader(Received::segments.asPtr(), Received::options()) {}
};

}  // namespace

PlannerProcess::PlannerProcess(kj::LowLevelAsyncIoProvider& io, ForkedPlanner forked)
    : process_(kj::mv(forked.process)),
      hasClock_(clock_getcpuclockid(forked.id, &clock_) == 0),
      stream_(io.wrapSocketFd(kj::mv(forked.socket), kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC)) {}

PlannerProcess::~PlannerProcess() { syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0); }

kj::Maybe<kj::Duration> PlannerProcess::processorTime() const {
  timespec used{};
  if (!hasClock_ || clock_gettime(clock_, &used) != 0) return nullptr;
  return used.tv_sec * kj::SECONDS + used.tv_nsec * kj::NANOSECONDS;
}

kj::Promise<kj::Own<capnp::MessageReader>> PlannerProcess::exchange(kj::ArrayPtr<const capnp::word> question,
                                                                     std::uint64_t mostWords) {
  auto bytes = question.asBytes();
  return kj::evalNow([&] { return stream_->write(bytes.begin(), bytes.size()); })  // it may throw at once
      .then([this, mostWords] {
        capnp::ReaderOptions limits;
        limits.traversalLimitInWords = mostWords;
        return capnp::readMessage(*stream_, limits);
      })
      .then([](kj::Own<capnp::MessageReader> message) -> kj::Own<capnp::MessageReader> {
        return kj::heap<ReceivedReader>(kj::mv(message));
      });
}

}  // namespace h5cap
