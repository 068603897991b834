#include "client/src/rpc/channel.h"

#include "client/src/rpc/checked.h"
#include "client/src/rpc/peer.h"
#include "h5cap/error.h"

namespace h5cap::detail {

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
  auto flights = flights_.lock();
  if (flights->isAwaited) ++flights->count;
  flights->isAwaited = false;
}

void Channel::noteAwaited() { flights_.lock()->isAwaited = true; }

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
  auto self = call->channel_.lock();
  if (!self) return;
  call->finish(std::make_exception_ptr(Busy("the call was given up")));
  self->loop_.post([self, call] {
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
  traffic.roundTrips = flights_.lock()->count;
  return traffic;
}

}  // namespace h5cap::detail
