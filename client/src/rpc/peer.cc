#include "client/src/rpc/peer.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kj/debug.h>

#include "core/wire.h"

namespace h5cap::detail {

namespace {

// A server answers a login at once; what does not is no h5cap server.  ssh may ask a person first.
constexpr auto LOGIN_TIME = 10 * kj::SECONDS;
constexpr auto SSH_LOGIN_TIME = 120 * kj::SECONDS;
constexpr auto LAST_WORDS_TIME = 1 * kj::SECONDS;
constexpr std::size_t MAX_ERROR_OUTPUT = 4096;
// A broken network says nothing.  While calls wait and nothing arrives, the server is asked for a sign of life at the
// first look; after so many looks the connection counts as lost.
constexpr auto LOOK_INTERVAL = 5 * kj::SECONDS;
constexpr unsigned MOST_SILENT_LOOKS = 4;
// How often is looked whether ssh has ended, and how often before it is killed.
constexpr auto REAP_INTERVAL = 20 * kj::MILLISECONDS;
constexpr unsigned LOOKS_BEFORE_KILL = 250;
constexpr unsigned OWNED = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                           kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

// Until the child has ended; one that does not when it is asked to is ended.
kj::Promise<void> reaped(kj::Timer& timer, pid_t child, unsigned looks) {
  if (waitpid(child, nullptr, WNOHANG) != 0) return kj::READY_NOW;
  if (looks == LOOKS_BEFORE_KILL) kill(child, SIGKILL);
  return timer.afterDelay(REAP_INTERVAL).then([&timer, child, looks] { return reaped(timer, child, looks + 1); });
}

capnp::ReaderOptions readerOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = rpc::MAX_MESSAGE_WORDS;
  options.nestingLimit = 64;
  return options;
}

}  // namespace

Peer::Peer(Loop& loop, const Endpoint& endpoint, Socket socket, std::shared_ptr<ChannelStatus> status)
    : loop(loop),
      endpoint(endpoint),
      status(std::move(status)),
      child(socket.child),
      stream(loop.io().wrapSocketFd(socket.fd, OWNED)),
      tasks(*this) {
  messages = kj::heap<CheckedMessageStream>(*stream, this->status->counters);
  network =
      kj::heap<capnp::TwoPartyVatNetwork>(*messages, capnp::rpc::twoparty::Side::CLIENT, readerOptions());
  system = kj::heap(capnp::makeRpcClient(*network));
  if (socket.errorFd >= 0) collectErrorOutput(socket.errorFd);
  tasks.add(network->onDisconnect().then([this] { this->status->dead = true; }));
}

Peer::~Peer() noexcept(false) {
  // Cancelled calls must not find this half destroyed.
  status->dead = true;
  cancelers.clear();
  if (child <= 0) return;
  stream->shutdownWrite();
  if (waitpid(child, nullptr, WNOHANG) != 0) return;
  kill(child, SIGTERM);
  reaped(loop.timer(), child, 0).detach([](kj::Exception&&) {});  // the loop goes on for other connections
}

void Peer::login() {
  capnp::MallocMessageBuilder message(8);
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  service = system->bootstrap(vat).castAs<rpc::Service>();
  auto request = service.loginRequest();
  request.initCredential().setAmbient();
  auto answer = request.send();
  session = answer.getSession();
  root = session.rootRequest().send().getDirectory();

  bool isSsh = endpoint.transport == Transport::ssh;
  auto patience = loop.timer().afterDelay(isSsh ? SSH_LOGIN_TIME : LOGIN_TIME).then([this] {
    end("no h5cap server answers there");
  });
  // What is wrong with a login is told by every call that is pipelined on it.
  tasks.add(answer.ignoreResult().catch_([](kj::Exception&&) {}).exclusiveJoin(kj::mv(patience)));
  tasks.add(watch());
}

kj::Promise<void> Peer::watch() {
  return loop.timer().afterDelay(LOOK_INTERVAL).then([this]() -> kj::Promise<void> {
    if (!endedBecause.empty()) return kj::READY_NOW;
    const std::uint64_t received = status->counters.bytesReceived;
    const bool isSilent = !cancelers.empty() && status->hasWorked && received == receivedBefore_;
    receivedBefore_ = received;
    silentLooks_ = isSilent ? silentLooks_ + 1 : 0;
    if (silentLooks_ == 1) tasks.add(session.pingRequest().send().ignoreResult().catch_([](kj::Exception&&) {}));
    if (silentLooks_ >= MOST_SILENT_LOOKS) {
      end("the server does not answer any more");
      return kj::READY_NOW;
    }
    return watch();
  });
}

void Peer::track(const SharedCall& call, kj::Promise<void> promise) {
  auto canceler = kj::heap<kj::Canceler>();
  auto wrapped = canceler->wrap(kj::mv(promise));
  cancelers[call->id_] = kj::mv(canceler);
  auto end = [this, call](std::exception_ptr problem) {
    cancelers.erase(call->id_);
    call->finish(std::move(problem));
  };
  tasks.add(wrapped.then(
      [this, end]() -> kj::Promise<void> {
        status->hasWorked = true;
        end(nullptr);
        return kj::READY_NOW;
      },
      [this, end](kj::Exception&& problem) -> kj::Promise<void> {
        if (problem.getType() != kj::Exception::Type::DISCONNECTED) {
          status->hasWorked = true;
          end(translate(problem));
          return kj::READY_NOW;
        }
        return lastWords().then([this, end, problem = kj::mv(problem)] { end(translate(problem)); });
      }));
}

std::exception_ptr Peer::translate(const kj::Exception& problem) {
  try {
    if (problem.getType() == kj::Exception::Type::DISCONNECTED) {
      std::string text =
          format(endpoint) + ": " +
          (endedBecause.empty() ? "the connection is lost: " + parseError(problem.getDescription().cStr()).message
                                : endedBecause);
      std::string said = trimmed(errorOutput);
      throw Disconnected(said.empty() ? text : text + "; ssh says: " + said);
    }
    wire::rethrow(problem);
  } catch (...) {
    return std::current_exception();
  }
}

void Peer::end(const std::string& why) {
  if (!endedBecause.empty()) return;
  endedBecause = why;
  status->dead = true;
  // Not from within a task of what is destroyed here.
  auto all = kj::mv(cancelers);
  cancelers.clear();
  for (auto& [id, canceler] : all) canceler->cancel(KJ_EXCEPTION(DISCONNECTED, why.c_str()));
  stream->shutdownWrite();
  stream->abortRead();
}

void Peer::collectErrorOutput(int fd) {
  errorOutputEnded = readErrorOutput(loop.io().wrapInputFd(fd, OWNED)).fork();
  tasks.add(errorOutputEnded.addBranch());
}

kj::Promise<void> Peer::readErrorOutput(kj::Own<kj::AsyncInputStream> input) {
  auto& from = *input;
  return from.tryRead(errorBuffer_, 1, sizeof(errorBuffer_))
      .then([this, input = kj::mv(input)](std::size_t got) mutable -> kj::Promise<void> {
        if (got == 0) return kj::READY_NOW;
        errorOutput.append(errorBuffer_, got);
        if (errorOutput.size() > MAX_ERROR_OUTPUT) errorOutput.erase(0, errorOutput.size() - MAX_ERROR_OUTPUT);
        return readErrorOutput(kj::mv(input));
      });
}

kj::Promise<void> Peer::lastWords() {
  if (child <= 0) return kj::READY_NOW;
  return errorOutputEnded.addBranch().exclusiveJoin(loop.timer().afterDelay(LAST_WORDS_TIME));
}

void Peer::taskFailed(kj::Exception&& problem) { KJ_LOG(INFO, "task of a connection", problem); }

}  // namespace h5cap::detail
