#include "client/src/rpc/connection.h"

#include <algorithm>
#include <new>
#include <optional>

#include "client/src/rpc/peer.h"
#include "client/src/rpc/retry.h"
#include "core/wire.h"

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

void Call::check() const {
  if (problem_) std::rethrow_exception(problem_);  // not written any more
}

bool Call::hasFailed() const { return done_ && problem_ != nullptr; }

bool Call::wasLost() const {
  if (!hasFailed()) return false;
  try {
    std::rethrow_exception(problem_);
  } catch (const Disconnected&) {
    return true;
  } catch (...) {
    return false;
  }
}

void Call::cancel() {
  if (auto channel = channel_.lock()) channel->cancel(shared_from_this());
}

void Call::finish(std::exception_ptr problem) {
  {
    std::lock_guard lock(mutex_);
    if (done_) return;
    problem_ = std::move(problem);
    done_ = true;
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

bool Channel::hasWorked() const { return status_->hasWorked; }

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
  call->channel_ = weak_from_this();
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

Connection::Connection(std::shared_ptr<Channel> channel, ConnectOptions options, Sharing sharing)
    : options(std::move(options)), endpoint_(channel->endpoint()), sharing_(sharing), channel_(std::move(channel)) {}

std::shared_ptr<Channel> Connection::channel() const {
  std::lock_guard lock(mutex_);
  return channel_;
}

bool Connection::mayReconnect() const {
  if (isClosed_ || reconnectTime(options).count() <= 0) return false;
  auto last = channel();
  return hasWorked_ || last->hasWorked() || !last->loop().isOurs();
}

void Connection::close() {
  isClosed_ = true;
  channel()->close();
}

std::shared_ptr<Channel> Connection::usable() const {
  auto last = channel();
  if (last->isUsable()) return last;
  if (mayReconnect()) return replace();
  if (!last->loop().isOurs()) throw Disconnected(format(endpoint_) + ": this connection belongs to the parent process; connect again");
  return last;
}

std::shared_ptr<Channel> Connection::replace() const {
  auto& loop = Loop::instance();
  const std::string key = format(endpoint_);
  const auto deadline = Clock::now() + options.timeout;
  auto replacing = loop.replacing(key);
  std::unique_lock turn(*replacing, std::defer_lock);
  while (!turn.try_lock_for(INTERRUPT_INTERVAL)) {
    if (options.interrupted) options.interrupted();
    if (Clock::now() >= deadline) throw Busy(key + ": no new connection within the time allowed", ErrorCode::deadline);
  }
  auto last = channel();
  if (last->isUsable()) return last;  // another thread was faster
  std::shared_ptr<Channel> fresh;
  if (sharing_ == Sharing::pooled) {
    std::lock_guard lock(loop.poolMutex);
    auto found = loop.pool.find(key);
    if (found != loop.pool.end() && found->second->isUsable()) fresh = found->second;
  }
  if (!fresh) {
    ConnectOptions brief = options;
    if (auto* patience = Patience::current()) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience->deadline() - Clock::now());
      brief.timeout = std::max(left, std::chrono::milliseconds(1));
    }
    fresh = Channel::open(endpoint_, brief);
    if (sharing_ == Sharing::pooled) {
      std::lock_guard lock(loop.poolMutex);
      loop.pool[key] = fresh;
    }
  }
  hasWorked_ = true;  // a replacement that fails is replaced again
  std::lock_guard lock(mutex_);
  channel_ = fresh;
  return fresh;
}

SharedCall Connection::start(std::function<kj::Promise<void>()> send) const {
  auto call = std::make_shared<Call>();
  start(call, std::move(send));
  return call;
}

void Connection::start(const SharedCall& call, std::function<kj::Promise<void>()> send) const {
  auto channel = usable();
  channel->noteSent();
  channel->start(call, std::move(send));
}

SharedCall Connection::startOn(const std::shared_ptr<Channel>& channel, std::function<kj::Promise<void>()> send) {
  auto call = std::make_shared<Call>();
  channel->noteSent();
  channel->start(call, std::move(send));
  return call;
}

void Connection::wait(const SharedCall& call, GiveUp giveUp, const std::function<void()>& tick) const {
  auto giveUpNow = [&] {
    if (giveUp == GiveUp::cancel) call->cancel();
  };
  if (!call->isOurs() && !call->isDone()) {
    throw Disconnected(format(endpoint_) + ": this connection belongs to the parent process; connect again");
  }
  std::optional<Patience> own;
  Patience* patience = Patience::current();
  if (patience == nullptr) patience = &own.emplace(options);
  std::uint64_t progress = call->progress_;
  if (!call->isDone()) {
    std::unique_lock lock(call->mutex_);
    while (!call->changed_.wait_for(lock, INTERRUPT_INTERVAL, [&] { return call->isDone(); })) {
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
        patience->renew();
      }
      if (Clock::now() >= patience->deadline()) {
        giveUpNow();
        throw Busy(format(endpoint_) + ": no answer within " + std::to_string(options.timeout.count()) + " ms",
                   ErrorCode::deadline);
      }
      lock.lock();
    }
  }
  if (!call->awaited_.exchange(true)) {
    auto channel = call->channel_.lock();
    (channel ? channel : this->channel())->noteAwaited();
  }
  call->check();
  patience->renew();
}

}  // namespace h5cap::detail
