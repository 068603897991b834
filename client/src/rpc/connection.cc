#include "client/src/rpc/connection.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "client/src/rpc/patience.h"
#include "h5cap/error.h"

namespace h5cap::detail {

namespace {

constexpr std::chrono::milliseconds INTERRUPT_INTERVAL{50};
using Clock = std::chrono::steady_clock;

Disconnected parentsConnection(const Endpoint& endpoint) {
  return Disconnected(format(endpoint) + ": this connection belongs to the parent process; connect again");
}

}  // namespace

Connection::Connection(std::shared_ptr<Channel> channel, ConnectOptions options, Sharing sharing)
    : options(std::move(options)), endpoint_(channel->endpoint()), sharing_(sharing), channel_(std::move(channel)) {}

std::shared_ptr<Channel> Connection::channel() const { return *channel_.lock(); }

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
  if (!last->loop().isOurs()) throw parentsConnection(endpoint_);
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
    auto pool = loop.pool.lock();
    auto found = pool->channels.find(key);
    if (found != pool->channels.end() && found->second->isUsable()) fresh = found->second;
  }
  if (!fresh) {
    ConnectOptions brief = options;
    if (auto* patience = Patience::current()) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience->deadline() - Clock::now());
      brief.timeout = std::max(left, std::chrono::milliseconds(1));
    }
    fresh = Channel::open(endpoint_, brief);
    if (sharing_ == Sharing::pooled) loop.pool.lock()->channels[key] = fresh;
  }
  hasWorked_ = true;  // a replacement that fails is replaced again
  *channel_.lock() = fresh;
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
    if (giveUp == GiveUp::cancel) Channel::cancel(call);
  };
  if (!call->isOurs() && !call->isDone()) throw parentsConnection(endpoint_);
  std::optional<Patience> own;
  Patience* patience = Patience::current();
  if (patience == nullptr) patience = &own.emplace(options);
  std::uint64_t progress = call->progress_;
  auto isDone = [](auto& ending) { return ending.isDone; };
  while (!call->ending_.lock().waitFor(call->changed_, INTERRUPT_INTERVAL, isDone)) {
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
  }
  if (!call->awaited_.exchange(true)) {
    auto channel = call->channel_.lock();
    (channel ? channel : this->channel())->noteAwaited();
  }
  call->check();
  patience->renew();
}

}  // namespace h5cap::detail
