#include "server/program.h"

#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "core/endpoint.h"
#include "server/base/descriptor-plan.h"
#include "server/transport/listener.h"
#include "server/base/log.h"
#include "server/planner-program.h"
#include "server/transport/sockets.h"

namespace h5cap {
namespace {

// Together with taking everything down: five seconds.
constexpr auto drainTime = 3500 * kj::MILLISECONDS;
constexpr auto drainStep = 10 * kj::MILLISECONDS;

// Events handled before sockets are looked at again: without it, a second connection waits behind a busy first one.
constexpr unsigned eventsBetweenPolls = 128;

void prepareProcess() {
  // Reply buffers come and go by the megabyte: keep their memory instead of asking the kernel for zeroed pages each
  // time.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc accepts
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  std::signal(SIGPIPE, SIG_IGN);
  kj::UnixEventPort::captureSignal(SIGTERM);
  kj::UnixEventPort::captureSignal(SIGINT);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

std::vector<Export> exportsOf(const ServerOptions& options) {
  std::vector<Export> exports;
  for (const std::string& text : options.serve) {
    exports.push_back(parseExport(text));
    for (std::size_t i = 0; i + 1 < exports.size(); ++i)
      if (exports[i].name == exports.back().name)
        throw UsageError("two folders are called '" + exports[i].name + "': name one with NAME=DIR");
  }
  if (exports.empty()) exports.push_back(wholeHost());
  for (const std::string& text : options.settle) setSettleTime(exports, text);
  return exports;
}

ObjectLimits limitsFor(const ServerOptions& options) {
  ObjectLimits limits;
  limits.fileDescriptors = descriptorPlan().files;
  if (options.replyBytes != 0)
    limits.bytesInOneReply = std::min<std::uint64_t>(options.replyBytes, rpc::MAX_REPLY_BYTES);
  limits.files.idleTime = std::chrono::seconds(options.idleSeconds);
  return limits;
}

// The planners' program inherits it.
void namePlugins(const std::vector<std::string>& folders) {
  std::string all;
  for (const std::string& folder : folders) all += (all.empty() ? "" : ":") + folder;
  if (!all.empty()) setenv("HDF5_PLUGIN_PATH", all.c_str(), 1);
}

LaneOptions lanesFor(const ServerOptions& options) {
  LaneOptions lanes;
  lanes.rule = options.laneRule;
  lanes.threads = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  return lanes;
}

std::string ownUserName() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? "uid " + std::to_string(geteuid()) : entry->pw_name;
}

// Files and /dev/null are always ready, and nothing tells when they have more: there is no conversation over them.
void requireConversation(int descriptor, const char* name) {
  kj::AutoCloseFd poll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  if (poll.get() < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) == 0) return;
  throw std::runtime_error(std::string("--stdio: ") + name +
                           (errno == EBADF ? " is closed" : " is a file or /dev/null") +
                           "; it has to be a pipe or a socket, as `ssh HOST h5capd --stdio` makes it");
}

// What goes wrong once the end was asked for is said, and does not make the end a failure.
template <class Work>
void atTheEnd(Work&& work) {
  try {
    work();
  } catch (const kj::Exception& problem) {
    logLine(std::string("ending: ") + problem.getDescription().cStr());
  } catch (const std::exception& problem) {
    logLine(std::string("ending: ") + problem.what());
  }
}

// Everything that serves, in the order in which it has to go away again.
class Program {
 public:
  Program(const ServerOptions& options, std::vector<Export> exports)
      : options_(options), lanes_(lanesFor(options)),
        opener_(makeOpener(std::move(exports), makeOwnUserAuthoriser(), lanes_)), io_(kj::setupAsyncIo()),
        planners_(makePlannerPool(
            *io_.lowLevelProvider, io_.provider->getTimer(),
            PlannerPoolOptions{.executable = plannerProgram(), .maxProcesses = descriptorPlan().planners})),
        memory_(std::uint64_t{options.cacheMegabytes} << 20), chunks_(memory_), executor_(lanes_),
        server_(*opener_, *planners_, executor_, chunks_, io_.provider->getTimer(), limitsFor(options)),
        listener_(io_, server_) {
    io_.waitScope.setBusyPollInterval(eventsBetweenPolls);
  }

  // Until the end is asked for.
  void run() {
    auto signalled = io_.unixEventPort.onSignal(SIGTERM)
                         .exclusiveJoin(io_.unixEventPort.onSignal(SIGINT))
                         .ignoreResult();
    if (options_.stdio) {
      signalled.exclusiveJoin(serveStandardStreams()).wait(io_.waitScope);
    } else {
      auto accepting = listen();
      signalled.exclusiveJoin(kj::mv(accepting)).wait(io_.waitScope);
    }
    unixSocket_ = std::nullopt;
    tcpSockets_.clear();
    atTheEnd([this] { drain(); });
    // Threads that hang cannot be waited for, and may still use what would be destroyed here; planners go with their
    // zygote, and that with its socket.
    if (lanes_.finish() > 0) {
      flushLog();
      _exit(0);
    }
  }

 private:
  kj::Promise<void> listen() {
    kj::Vector<kj::Promise<void>> accepting;
    for (const std::string& address : options_.listen) tcpSockets_.push_back(listenTcp(address));
    const auto ifLiving = options_.listen.empty() ? LivingSocket::raise : LivingSocket::skip;
    unixSocket_ = UnixSocket::listen(options_.socket, ifLiving);
    std::vector<std::string> addresses;
    if (unixSocket_) {
      accepting.add(listener_.acceptFrom(unixSocket_->get(), PeerKind::unixPeer));
      addresses.push_back(format(Endpoint{.transport = Transport::unixSocket, .socket = unixSocket_->path()}));
    } else {
      logLine("another server is listening on the Unix socket; serving TCP only");
    }
    for (TcpSocket& socket : tcpSockets_) {
      accepting.add(listener_.acceptFrom(socket.socket, PeerKind::tcp));
      addresses.push_back(format(Endpoint{.transport = Transport::tcp, .host = socket.host, .port = socket.port}));
    }
    for (const std::string& address : addresses) printLine(Stream::output, "listening on " + address);
    printLine(Stream::output, "next: h5cap ls " + addresses.at(0));
    return kj::joinPromises(accepting.releaseAsArray());
  }

  // Over ssh, standard input and output are two pipes or one socket.
  kj::Promise<void> serveStandardStreams() {
    using Flags = kj::LowLevelAsyncIoProvider;
    requireConversation(STDIN_FILENO, "standard input");
    requireConversation(STDOUT_FILENO, "standard output");
    auto input = io_.lowLevelProvider->wrapInputFd(kj::AutoCloseFd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)),
                                                   Flags::ALREADY_CLOEXEC);
    auto output = io_.lowLevelProvider->wrapOutputFd(kj::AutoCloseFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)),
                                                     Flags::ALREADY_CLOEXEC);
    // Whatever else is printed must not end up between messages.
    dup2(STDERR_FILENO, STDOUT_FILENO);
    Identity identity{Authentication::standardStreams, ownUserName(), geteuid()};
    return listener_.serve(kj::heap<TwoPipes>(kj::mv(input), kj::mv(output)), kj::mv(identity), "standard input");
  }

  class TwoPipes final : public kj::AsyncIoStream {
   public:
    TwoPipes(kj::Own<kj::AsyncInputStream> input, kj::Own<kj::AsyncOutputStream> output)
        : input_(kj::mv(input)), output_(kj::mv(output)) {}
    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t minBytes, std::size_t maxBytes) override {
      return input_->tryRead(buffer, minBytes, maxBytes);
    }
    kj::Promise<void> write(const void* buffer, std::size_t size) override { return output_->write(buffer, size); }
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
      return output_->write(pieces);
    }
    kj::Promise<void> whenWriteDisconnected() override { return output_->whenWriteDisconnected(); }
    void shutdownWrite() override { output_ = nullptr; }

   private:
    kj::Own<kj::AsyncInputStream> input_;
    kj::Own<kj::AsyncOutputStream> output_;
  };

  // Calls that cannot be cancelled go on without their connection, and would be destroyed with the event loop: after
  // all that they refer to.
  struct EndOfCalls {
    ~EndOfCalls() noexcept(false) { scope.cancelAllDetached(); }
    kj::WaitScope& scope;
  };

  void drain() {
    auto& timer = io_.provider->getTimer();
    const auto until = timer.now() + drainTime;
    while (server_.runningCalls > 0 && timer.now() < until) timer.afterDelay(drainStep).wait(io_.waitScope);
    if (const std::uint64_t left = server_.runningCalls; left > 0)
      logLine("ending; calls that are not finished: " + std::to_string(left));
    // Answers that were just made still have to be written.
    timer.afterDelay(drainStep).wait(io_.waitScope);
  }

  const ServerOptions& options_;
  Lanes lanes_;
  kj::Own<Opener> opener_;
  kj::AsyncIoContext io_;
  kj::Own<PlannerPool> planners_;
  SharedCache memory_;
  ChunkCache chunks_;
  Executor executor_;  // its threads use the cache until they have ended
  ServerContext server_;
  std::vector<TcpSocket> tcpSockets_;
  std::optional<UnixSocket> unixSocket_;
  EndOfCalls endOfCalls_{io_.waitScope};
  Listener listener_;
};

}  // namespace

int serve(const ServerOptions& options) {
  // While signals still end the process: a folder that is to be served may hang.
  auto exports = exportsOf(options);
  prepareProcess();
  namePlugins(options.plugins);
  auto program = kj::heap<Program>(options, std::move(exports));
  program->run();
  atTheEnd([&] { program = nullptr; });
  return 0;
}

}  // namespace h5cap
