#include "connection.h"

#include <new>

#include "core/wire.h"
#include "peer.h"

namespace h5cap::detail {

namespace {

constexpr std::chrono::milliseconds INTERRUPT_INTERVAL{50};
using Clock = std::chrono::steady_clock;

}  // namespace

void throwAsKj(std::exception_ptr problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const kj::Exception&) {
    throw;
  } catch (const std::bad_alloc&) {
    kj::throwFatalException(wire::toKj(ErrorCode::tooLarge, "the result does not fit into this machine's memory"));
  } catch (const std::length_error&) {
    kj::throwFatalException(wire::toKj(ErrorCode::tooLarge, "the result does not fit into this machine's memory"));
  } catch (const std::exception& error) {
    kj::throwFatalException(wire::toKj(error));
  }
}

bool Call::isDone() const {
  std::lock_guard lock(mutex_);
  return done_;
}

void Call::check() const {
  std::lock_guard lock(mutex_);
  if (problem_) std::rethrow_exception(problem_);
}

void Call::finish(std::exception_ptr problem) {
  {
    std::lock_guard lock(mutex_);
    if (done_) return;
    done_ = true;
    problem_ = std::move(problem);
  }
  changed_.notify_all();
  if (auto then = std::move(whenDone)) then();
}

std::shared_ptr<Channel> Channel::open(const Endpoint& endpoint, const ConnectOptions& options) {
  Socket socket = connectTo(endpoint, options);
  auto channel = std::shared_ptr<Channel>(new Channel(Loop::instance(), endpoint));
  channel->noteSent();
  channel->loop_.post([channel, socket] {
    channel->peer_ = new Peer(channel->loop_, channel->endpoint_, socket, channel->status_);
    channel->peer_->login();
  });
  return channel;
}

Channel::Channel(Loop& loop, const Endpoint& endpoint)
    : loop_(loop), endpoint_(endpoint), status_(std::make_shared<ChannelStatus>()) {}

bool Channel::isUsable() const { return loop_.isOurs() && !status_->dead; }

Channel::~Channel() {
  // The task that made the peer held a reference to this, so it has run.
  loop_.post([peer = peer_] { delete peer; });
}

void Channel::noteSent() {
  std::lock_guard lock(flightMutex_);
  if (awaited_) ++flights_;
  awaited_ = false;
}

void Channel::noteAwaited() {
  std::lock_guard lock(flightMutex_);
  awaited_ = true;
}

void Channel::start(const SharedCall& call, std::function<kj::Promise<void>()> send) {
  call->id_ = nextCall_++;
  loop_.post([self = shared_from_this(), call, send = std::move(send)] {
    if (call->isDone()) return;  // given up before it was sent
    if (!self->peer_->endedBecause.empty()) {
      call->finish(self->peer_->translate(KJ_EXCEPTION(DISCONNECTED, self->peer_->endedBecause.c_str())));
      return;
    }
    self->peer_->track(call, kj::evalNow([&] { return checked(send); }));
  });
}

void Channel::cancel(const SharedCall& call) {
  call->finish(std::make_exception_ptr(Busy("the call was given up")));
  loop_.post([self = shared_from_this(), call] {
    if (self->peer_ == nullptr) return;
    auto found = self->peer_->cancelers.find(call->id_);
    if (found == self->peer_->cancelers.end()) return;
    auto canceler = kj::mv(found->second);
    self->peer_->cancelers.erase(found);
    canceler->cancel("given up");
  });
}

void Channel::close() {
  status_->dead = true;
  if (!loop_.isOurs()) return;
  loop_.post([self = shared_from_this()] { self->peer_->end("the connection was closed"); });
}

Traffic Channel::traffic() const {
  const Counters& counters = status_->counters;
  Traffic traffic;
  traffic.bytesReceived = counters.bytesReceived;
  traffic.bytesSent = counters.bytesSent;
  traffic.messagesReceived = counters.messagesReceived;
  traffic.messagesSent = counters.messagesSent;
  std::lock_guard lock(flightMutex_);
  traffic.roundTrips = flights_;
  return traffic;
}

SharedCall Connection::start(std::function<kj::Promise<void>()> send) const {
  auto call = std::make_shared<Call>();
  start(call, std::move(send));
  return call;
}

void Connection::start(const SharedCall& call, std::function<kj::Promise<void>()> send) const {
  if (!channel->loop().isOurs()) {
    throw Disconnected(format(channel->endpoint()) + ": this connection belongs to the parent process; connect again");
  }
  channel->noteSent();
  channel->start(call, std::move(send));
}

void Connection::wait(const SharedCall& call, GiveUp giveUp, const std::function<void()>& tick) const {
  auto giveUpNow = [&] {
    if (giveUp == GiveUp::cancel) channel->cancel(call);
  };
  if (!channel->loop().isOurs() && !call->isDone()) {
    throw Disconnected(format(channel->endpoint()) + ": this connection belongs to the parent process; connect again");
  }
  std::uint64_t progress = call->progress_;
  auto deadline = Clock::now() + options.timeout;
  std::unique_lock lock(call->mutex_);
  while (!call->changed_.wait_for(lock, INTERRUPT_INTERVAL, [&] { return call->done_; })) {
    lock.unlock();
    try {
      if (options.interrupted) options.interrupted();
      if (tick) tick();
    } catch (...) {
      giveUpNow();
      throw;
    }
    if (std::uint64_t now = call->progress_; now != progress) {
      progress = now;
      deadline = Clock::now() + options.timeout;
    }
    if (Clock::now() >= deadline) {
      giveUpNow();
      throw Busy(format(channel->endpoint()) + ": no answer within " + std::to_string(options.timeout.count()) + " ms",
                 ErrorCode::deadline);
    }
    lock.lock();
  }
  lock.unlock();
  if (!call->awaited_.exchange(true)) channel->noteAwaited();
  call->check();
}

}  // namespace h5cap::detail
