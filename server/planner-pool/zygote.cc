#include "server/planner-pool/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <kj/debug.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/wire.h"
#include "server/planner-pool/spawn.h"
#include "server/planner-pool/zygote-protocol.h"

namespace h5cap {

namespace {

constexpr kj::Duration ANSWER_TIME = 20 * kj::SECONDS;  // its plugins may come from a slow disk
constexpr kj::Duration FIRST_PAUSE = 50 * kj::MILLISECONDS;
constexpr kj::Duration LONGEST_PAUSE = 2 * kj::SECONDS;
constexpr unsigned MAX_ATTEMPTS = 5;
constexpr std::chrono::milliseconds REAPING_TIME(200), FOREVER = std::chrono::hours(24 * 365);

// Waits for a process that was killed.  One that closes a file of a file system that hangs does not end either.
bool isReaped(pid_t process, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  auto pause = std::chrono::milliseconds(1);
  while (waitpid(process, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::milliseconds(1'000));
  }
  return true;
}

}  // namespace

// One incarnation.
class Zygote::Running {
 public:
  Running(kj::LowLevelAsyncIoProvider& io, Spawned spawned)
      : process(spawned.process),
        stream(io.wrapUnixSocketFd(kj::mv(spawned.socket), kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC)) {}

  ~Running() {
    kill(process, SIGKILL);
    if (!isReaped(process, REAPING_TIME)) std::thread([process = process] { isReaped(process, FOREVER); }).detach();
  }
  KJ_DISALLOW_COPY(Running);

  template <class Packet>
  kj::Promise<kj::Maybe<kj::AutoCloseFd>> receive(Packet& packet) {
    auto descriptor = kj::heap<kj::AutoCloseFd>();
    auto reading = stream->tryReadWithFds(&packet, sizeof packet, sizeof packet, descriptor.get(), 1);
    return reading.then([descriptor = kj::mv(descriptor)](auto result) mutable -> kj::Maybe<kj::AutoCloseFd> {
      if (result.byteCount != sizeof(Packet)) throw KJ_EXCEPTION(DISCONNECTED, "the zygote died");
      if (result.capCount == 0) return nullptr;
      return kj::mv(*descriptor);
    });
  }

  const pid_t process;
  kj::Own<kj::AsyncCapabilityStream> stream;
  bool saidHello = false;
  ZygoteHello hello;
  ForkReply reply;
};

struct Zygote::Request {
  kj::AutoCloseFd file;
  std::uint64_t memoryBytes;
  kj::Own<kj::PromiseFulfiller<ForkedPlanner>> fulfiller;
  unsigned attempts = 0;
};

namespace {

class IgnoreFailures final : public kj::TaskSet::ErrorHandler {
 public:
  // Tasks report to whom it concerns; what is left is a watch on a zygote that was stopped meanwhile.
  void taskFailed(kj::Exception&&) override {}
};
IgnoreFailures ignoreFailures;

}  // namespace

Zygote::Zygote(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, std::string executable)
    : io_(io), timer_(timer), executable_(std::move(executable)), tasks_(ignoreFailures) {
  running_ = kj::heap<Running>(io_, spawnZygote(executable_));
  tasks_.add(ensureRunning());
}

Zygote::~Zygote() noexcept(false) = default;

template <class T>
kj::Promise<T> Zygote::inTime(kj::Promise<T> promise) {
  return timer_.timeoutAfter(ANSWER_TIME, kj::mv(promise));
}

kj::Promise<void> Zygote::ensureRunning() {
  KJ_IF_MAYBE (running, running_) {
    if ((*running)->saidHello) return kj::READY_NOW;
  }
  if (!isStarting_) {
    isStarting_ = true;
    starting_ = start()
                    .then([this] { isStarting_ = false; },
                          [this](kj::Exception&& error) {
                            isStarting_ = false;
                            stop();
                            ++failures_;
                            kj::throwFatalException(kj::mv(error));
                          })
                    .fork();
  }
  return KJ_ASSERT_NONNULL(starting_).addBranch();
}

// Starts the program unless that has been done, and waits for its hello.
kj::Promise<void> Zygote::start() {
  kj::Promise<void> pause = kj::READY_NOW;
  if (failures_ > 0) {
    pause = timer_.afterDelay(std::min(FIRST_PAUSE * (1 << std::min(failures_ - 1, 10u)), LONGEST_PAUSE));
  }
  return pause.then([this] {
    if (running_ == nullptr) {
      try {
        running_ = kj::heap<Running>(io_, spawnZygote(executable_));
      } catch (const Error& error) {
        throw wire::toKj(error.code(), error.what());
      }
    }
    Running& running = *KJ_ASSERT_NONNULL(running_);
    return inTime(running.receive(running.hello)).then([this, &running](auto&&) {
      running.saidHello = true;
      running.hello.libraryVersion[sizeof running.hello.libraryVersion - 1] = 0;
      libraryVersion_ = running.hello.libraryVersion;
      watch();
    });
  });
}

// Reaps a zygote that dies while nothing is asked of it.
void Zygote::watch() {
  std::uint64_t generation = ++generation_;
  tasks_.add(KJ_ASSERT_NONNULL(running_)->stream->whenWriteDisconnected().then([this, generation] {
    if (generation == generation_ && !isServing_) stop();
  }));
}

void Zygote::stop() {
  ++generation_;
  running_ = nullptr;
}

kj::Promise<std::string> Zygote::libraryVersion() {
  if (!libraryVersion_.empty()) return libraryVersion_;
  return ensureRunning().then([this] { return libraryVersion_; });
}

kj::Promise<ForkedPlanner> Zygote::fork(int file, std::uint64_t memoryBytes) {
  auto paf = kj::newPromiseAndFulfiller<ForkedPlanner>();
  int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return wire::toKj(ErrorCode::busy, std::string("cannot pass a file to a planner: ") + strerror(errno));
  requests_.push_back(kj::heap(Request{kj::AutoCloseFd(copy), memoryBytes, kj::mv(paf.fulfiller)}));
  if (!isServing_) {
    isServing_ = true;
    tasks_.add(serve());
  }
  return kj::mv(paf.promise);
}

kj::Promise<void> Zygote::serve() {
  if (requests_.empty()) {
    isServing_ = false;
    return kj::READY_NOW;
  }
  if (!requests_.front()->fulfiller->isWaiting()) {
    requests_.pop_front();
    return kj::evalLater([this] { return serve(); });
  }
  return serveFirst().then([this] { return serve(); });
}

kj::Promise<void> Zygote::serveFirst() {
  return ensureRunning().then([this] { return askFork(); }).catch_([this](kj::Exception&& error) {
    Request& request = *requests_.front();
    if (++request.attempts < MAX_ATTEMPTS) return;
    std::string text = "no planner could be started: " + std::string(error.getDescription().cStr());
    request.fulfiller->reject(wire::toKj(ErrorCode::failed, text));
    requests_.pop_front();
  });
}

// Asks for the first request's planner and removes the request.  Throws, and leaves it, when the zygote is no more.
kj::Promise<void> Zygote::askFork() {
  Request& request = *requests_.front();
  Running& running = *KJ_ASSERT_NONNULL(running_);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    request.fulfiller->reject(wire::toKj(ErrorCode::busy, std::string("no socket for a planner: ") + strerror(errno)));
    requests_.pop_front();
    return kj::READY_NOW;
  }
  auto ours = kj::heap<kj::AutoCloseFd>(pair[0]);
  auto theirs = kj::heap<kj::AutoCloseFd>(pair[1]);
  auto packet = kj::heap(ForkRequest{request.memoryBytes});
  auto descriptors = kj::heapArray<int>({request.file.get(), theirs->get()});
  auto bytes = kj::arrayPtr(reinterpret_cast<const kj::byte*>(packet.get()), sizeof(ForkRequest));
  auto sending = kj::evalNow([&] { return running.stream->writeWithFds(bytes, nullptr, descriptors.asPtr()); });
  auto exchange = sending.attach(kj::mv(packet), kj::mv(descriptors), kj::mv(theirs)).then([&running] {
    return running.receive(running.reply);
  });
  return inTime(kj::mv(exchange))
      .then(
          [this, ours = kj::mv(ours)](kj::Maybe<kj::AutoCloseFd> process) mutable {
            const ForkReply reply = KJ_ASSERT_NONNULL(running_)->reply;
            failures_ = 0;
            auto request = kj::mv(requests_.front());
            requests_.pop_front();
            KJ_IF_MAYBE (descriptor, process) {
              request->fulfiller->fulfill({kj::mv(*ours), kj::mv(*descriptor), reply.process});
            } else {
              std::string why = reply.error == 0 ? "no process" : strerror(reply.error);
              request->fulfiller->reject(wire::toKj(ErrorCode::busy, "no planner could be forked: " + why));
            }
          },
          [this](kj::Exception&& error) {
            stop();
            ++failures_;
            kj::throwFatalException(kj::mv(error));
          });
}

}  // namespace h5cap
