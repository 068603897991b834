#include "server/planner-pool/planner-impl.h"

#include <capnp/serialize.h>
#include <fmt/format.h>
#include <kj/debug.h>

#include "core/wire.h"

namespace h5cap {

namespace {

constexpr kj::Duration FAIR_TURN = 250 * kj::MILLISECONDS;  // how long a planner keeps a process that others wait for
constexpr kj::Duration WITHDRAWN_TIME = 500 * kj::MILLISECONDS;  // what a question that nobody waits for may still take
constexpr unsigned MAX_DEATHS = 2;
constexpr std::size_t MAX_MESSAGE_BYTES = 16 << 10;

class ReceivedAnswer final : public PlannerAnswer {
 public:
  explicit ReceivedAnswer(kj::Own<capnp::MessageReader> message) : message_(kj::mv(message)) {}
  rpc::PlannerReply::Reader reply() override { return message_->getRoot<rpc::PlannerReply>(); }

 private:
  kj::Own<capnp::MessageReader> message_;
};

class CopiedAnswer final : public PlannerAnswer {
 public:
  explicit CopiedAnswer(rpc::PlannerReply::Reader reply) { message_.setRoot(reply); }
  rpc::PlannerReply::Reader reply() override { return message_.getRoot<rpc::PlannerReply>().asReader(); }

 private:
  capnp::MallocMessageBuilder message_;
};

bool answers(rpc::PlannerReply::Which reply, rpc::PlannerRequest::Which request) {
  using Request = rpc::PlannerRequest;
  using Reply = rpc::PlannerReply;
  if (reply == Reply::ERROR) return true;
  switch (request) {
    case Request::OPEN:
      return reply == Reply::OPENED;
    case Request::SNAPSHOT:
      return reply == Reply::SNAPSHOT;
    case Request::RESOLVE:
      return reply == Reply::RESOLVED;
    case Request::DESCRIBE:
      return reply == Reply::NODE;
    case Request::LINKS:
      return reply == Reply::LINKS;
    case Request::ATTRIBUTES:
      return reply == Reply::ATTRIBUTES;
    case Request::ATTRIBUTE:
      return reply == Reply::ATTRIBUTE;
    case Request::STORAGE:
      return reply == Reply::STORAGE;
    case Request::CHUNKS:
      return reply == Reply::CHUNKS;
    case Request::ELEMENTS:
      return reply == Reply::ELEMENTS;
    case Request::ELEMENT_PART:
      return reply == Reply::PART;
    case Request::ATTRIBUTE_PART:
      return reply == Reply::ATTRIBUTE_PART;
    case Request::REFRESH:
      return reply == Reply::REFRESHED;
    case Request::DEREFERENCE:
      return reply == Reply::DEREFERENCED;
  }
  return false;
}

// What an answer may hold: nothing says more than about files as they are, and all of it is in the front's memory.
std::uint64_t mostWords(rpc::PlannerRequest::Which request) {
  using Request = rpc::PlannerRequest;
  switch (request) {
    case Request::OPEN:
    case Request::REFRESH:
      return 8 << 10;
    case Request::CHUNKS:
      return 4 * rpc::MAX_PLAN_CHUNKS;
    case Request::SNAPSHOT:
      return 2 << 20;
    case Request::ATTRIBUTE:
    case Request::ATTRIBUTE_PART:
    case Request::ELEMENTS:
    case Request::ELEMENT_PART:
      return rpc::MAX_PLANNER_REPLY_WORDS;
    case Request::RESOLVE:
    case Request::DESCRIBE:
    case Request::LINKS:
    case Request::ATTRIBUTES:
    case Request::STORAGE:
    case Request::DEREFERENCE:
      break;
  }
  return 4 << 20;
}

// What the planner says is wrong, as far as it is worth telling.
kj::Exception errorIn(rpc::Error::Reader reader) {
  auto error = wire::read(reader);
  if (error.message.size() > MAX_MESSAGE_BYTES) error.message.resize(MAX_MESSAGE_BYTES);
  return wire::toKj(error.code, error.message);
}

}  // namespace

struct PlannerImpl::Question {
  rpc::PlannerRequest::Which kind;
  kj::Array<capnp::word> message;
  std::string key;  // in quarantine
  kj::Own<kj::PromiseFulfiller<kj::Own<PlannerAnswer>>> fulfiller;
  std::uint64_t id = 0;
  unsigned deaths = 0;

  Question(capnp::MallocMessageBuilder& builder, const std::string& state)
      : kind(builder.getRoot<rpc::PlannerRequest>().asReader().which()), message(capnp::messageToFlatArray(builder)) {
    auto chars = message.asChars();
    key = state + std::string(chars.begin(), chars.size());
  }
};

struct PlannerImpl::Live {
  kj::Own<PoolSlots::Slot> slot;
  kj::Own<PlannerProcess> process;  // destroyed before the slot is given back
  kj::TimePoint since;
  kj::Maybe<kj::Own<CopiedAnswer>> opened;
};

// How an exchange ended: with a reply that is a message of the right kind, or with the planner's death.
struct PlannerImpl::Outcome {
  kj::Maybe<kj::Own<capnp::MessageReader>> reply;
  ErrorText death{ErrorCode::failed, ""};
  bool wouldRecur = false;  // the same question ends the same way in a fresh planner
};

PoolState::PoolState(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options)
    : io(io),
      timer(timer),
      options(std::move(options)),
      zygote(io, timer, this->options.executable),
      quarantine(timer, this->options.quarantine.count() * kj::SECONDS),
      slots(std::max(this->options.maxProcesses, 1u)) {}

PlannerImpl::PlannerImpl(kj::Own<PoolState> pool, kj::Own<const SharedFile> file, std::string state)
    : pool_(kj::mv(pool)),
      file_(kj::mv(file)),
      state_(std::move(state)),
      tasks_(kj::heap<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this))) {
  capnp::MallocMessageBuilder message;
  message.initRoot<rpc::PlannerRequest>().setOpen();
  open_ = kj::heap<Question>(message, state_);
}

PlannerImpl::~PlannerImpl() noexcept(false) {
  tasks_ = nullptr;  // they refer to the process
  dropProcess();
}

kj::Promise<kj::Own<PlannerAnswer>> PlannerImpl::ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) {
  capnp::MallocMessageBuilder message;
  question(message.initRoot<rpc::PlannerRequest>());
  auto asked = kj::heap<Question>(message, state_);
  auto paf = kj::newPromiseAndFulfiller<kj::Own<PlannerAnswer>>();
  asked->fulfiller = kj::mv(paf.fulfiller);
  std::uint64_t id = asked->id = ++lastId_;
  queue_.emplace(id, kj::mv(asked));
  if (!working_) {
    working_ = true;
    pool_->slots.busy(*this);
    tasks_->add(work());
  }
  return paf.promise.attach(kj::defer([this, id] { withdraw(id); })).attach(kj::addRef(*this));
}

PlannerImpl::Question& PlannerImpl::front() { return *queue_.begin()->second; }
void PlannerImpl::popFront() { queue_.erase(queue_.begin()); }

// Nobody waits for the question any more.  One that still queues is gone at once.
void PlannerImpl::withdraw(std::uint64_t id) {
  if (queue_.empty()) return;
  if (queue_.begin()->first != id) {
    queue_.erase(id);
    return;
  }
  KJ_IF_MAYBE (withdrawal, withdrawal_) {
    (*withdrawal)->fulfill();
  }
}

// Until the queue is empty.
kj::Promise<void> PlannerImpl::work() {
  while (!queue_.empty() && !front().fulfiller->isWaiting()) popFront();
  if (queue_.empty()) {
    rest();
    return kj::READY_NOW;
  }
  return handleFront().then([this] {
    KJ_IF_MAYBE (live, live_) {
      if (pool_->slots.areWanted() && pool_->timer.now() - (*live)->since >= FAIR_TURN) dropProcess();
    }
    return work();
  });
}

void PlannerImpl::rest() {
  working_ = false;
  if (live_ == nullptr) return;
  if (pool_->slots.areWanted()) {
    dropProcess();
  } else {
    pool_->slots.idle(*this, pool_->timer.now());
  }
}

kj::Promise<void> PlannerImpl::handleFront() {
  return kj::evalNow([this] {
           pool_->quarantine.check(open_->key);
           pool_->quarantine.check(front().key);
           return ensureProcess();
         })
      .then([this] { return openFile(); })
      .then([this](bool isOpen) -> kj::Promise<void> {
        if (!isOpen) return kj::READY_NOW;
        return askFront();
      })
      .catch_([this](kj::Exception&& error) { rejectFront(kj::mv(error)); });
}

kj::Promise<void> PlannerImpl::ensureProcess() {
  if (live_ != nullptr) return kj::READY_NOW;
  return pool_->slots.take().then([this](kj::Own<PoolSlots::Slot> slot) {
    return pool_->zygote.fork(file_->get(), pool_->options.memoryBytes)
        .then([this, slot = kj::mv(slot)](ForkedPlanner forked) mutable { adopt(kj::mv(slot), kj::mv(forked)); });
  });
}

void PlannerImpl::adopt(kj::Own<PoolSlots::Slot> slot, ForkedPlanner forked) {
  auto process = kj::heap<PlannerProcess>(pool_->io, kj::mv(forked));
  auto gone = process->whenGone();
  live_ = kj::heap(Live{kj::mv(slot), kj::mv(process), pool_->timer.now(), nullptr});
  ++pool_->processCount;
  tasks_->add(gone.then([this, generation = ++generation_] {
    if (generation == generation_ && !working_) dropProcess();  // while it works, the exchange fails
  }));
}

void PlannerImpl::dropProcess() {
  if (live_ == nullptr) return;
  pool_->slots.busy(*this);  // not idle any more
  ++generation_;
  --pool_->processCount;
  auto dropped = kj::mv(live_);
  live_ = nullptr;
}

// False when the planner died of it.  Throws what the planner says is wrong with the file.
kj::Promise<bool> PlannerImpl::openFile() {
  if (KJ_ASSERT_NONNULL(live_)->opened != nullptr) return true;
  return exchange(*open_).then([this](Outcome&& outcome) {
    KJ_IF_MAYBE (message, outcome.reply) {
      auto reply = (*message)->getRoot<rpc::PlannerReply>();
      if (reply.isError()) {
        auto error = errorIn(reply.getError());
        dropProcess();
        kj::throwFatalException(kj::mv(error));
      }
      KJ_ASSERT_NONNULL(live_)->opened = kj::heap<CopiedAnswer>(reply);
      return true;
    }
    strike(open_->key, outcome);
    return false;
  });
}

kj::Promise<void> PlannerImpl::askFront() {
  if (front().kind == rpc::PlannerRequest::OPEN) {
    auto& opened = KJ_ASSERT_NONNULL(KJ_ASSERT_NONNULL(live_)->opened);
    answerFront(kj::heap<CopiedAnswer>(opened->reply()));
    return kj::READY_NOW;
  }
  return exchange(front()).then([this](Outcome&& outcome) {
    KJ_IF_MAYBE (message, outcome.reply) {
      auto reply = (*message)->getRoot<rpc::PlannerReply>();
      if (reply.isError()) kj::throwFatalException(errorIn(reply.getError()));
      answerFront(kj::heap<ReceivedAnswer>(kj::mv(*message)));
    } else {
      strike(front().key, outcome);
    }
  });
}

// `question` outlives the promise: it is at the front of the queue, or open_.
kj::Promise<PlannerImpl::Outcome> PlannerImpl::exchange(const Question& question) {
  auto limit = pool_->options.questionTime;
  auto late = pool_->timer.afterDelay(limit.count() * kj::MILLISECONDS).then([limit] {
    std::string text = "libhdf5 did not answer within " + std::to_string(limit.count()) + " ms";
    return Outcome{nullptr, {ErrorCode::deadline, text}};
  });
  auto used = KJ_ASSERT_NONNULL(live_)->process->processorTime();
  // A walk minds its time by itself, and what it cannot see is asked for again.
  auto share = question.kind == rpc::PlannerRequest::SNAPSHOT ? 4 : 1;
  auto overused = overuse(used.orDefault(0 * kj::NANOSECONDS), pool_->options.processorTime / share);
  auto died = [](kj::Exception&&) {
    return Outcome{nullptr, {ErrorCode::fileProblem, "libhdf5 crashed on this file: it is probably damaged"}};
  };
  auto understood = [kind = question.kind](kj::Own<capnp::MessageReader> message) {
    auto reply = message->getRoot<rpc::PlannerReply>();
    KJ_REQUIRE(answers(reply.which(), kind), "a planner answered another question");
    if (reply.isError()) wire::read(reply.getError());  // throws unless it is well formed
    return Outcome{kj::mv(message), {}};
  };
  auto withdrawn = kj::newPromiseAndFulfiller<void>();
  auto given = withdrawn.promise.then([this] { return pool_->timer.afterDelay(WITHDRAWN_TIME); }).then([] {
    return Outcome{nullptr, {ErrorCode::deadline, "nobody waits for the answer"}};
  });
  auto never = kj::mv(withdrawn.fulfiller);  // every question needs `open`: it goes on for the next one
  if (&question != open_.get()) withdrawal_ = kj::mv(never);
  return KJ_ASSERT_NONNULL(live_)
      ->process->exchange(question.message, mostWords(question.kind))
      .then(kj::mv(understood))
      .catch_(kj::mv(died))
      .exclusiveJoin(kj::mv(late))
      .exclusiveJoin(kj::mv(overused))
      .exclusiveJoin(kj::mv(given))
      .attach(kj::mv(never), kj::defer([this] { withdrawal_ = nullptr; }));
}

// Comes when the live planner has used `limit` of processor time since `atStart`; otherwise never.  It has one thread,
// so that it cannot use up the rest of its time any sooner than that.
kj::Promise<PlannerImpl::Outcome> PlannerImpl::overuse(kj::Duration atStart, std::chrono::milliseconds limit) {
  kj::Duration left = limit.count() * kj::MILLISECONDS;
  KJ_IF_MAYBE (now, KJ_ASSERT_NONNULL(live_)->process->processorTime()) {
    left -= *now - atStart;
  } else {
    return kj::NEVER_DONE;
  }
  if (left > 0 * kj::NANOSECONDS) {
    return pool_->timer.afterDelay(left).then([this, atStart, limit] { return overuse(atStart, limit); });
  }
  std::string text = fmt::format("libhdf5 did not finish within {:g} s of processor time; the file may be damaged",
                                 static_cast<double>(limit.count()) / 1000);
  return Outcome{nullptr, {ErrorCode::fileProblem, text}, true};
}

// The planner died, or had to, while it worked on the front question.
void PlannerImpl::strike(const std::string& key, const Outcome& outcome) {
  dropProcess();
  if (!outcome.wouldRecur) {
    if (!front().fulfiller->isWaiting()) return;  // withdrawn: perhaps that is why it had to die
    if (++front().deaths < MAX_DEATHS) return;    // once more, in a fresh one
  }
  pool_->quarantine.add(key, outcome.death);
  rejectFront(wire::toKj(outcome.death.code, outcome.death.message));
}

void PlannerImpl::answerFront(kj::Own<PlannerAnswer> answer) {
  front().fulfiller->fulfill(kj::mv(answer));
  popFront();
}

void PlannerImpl::rejectFront(kj::Exception error) {
  front().fulfiller->reject(kj::mv(error));
  popFront();
}

// Work reports to those who asked; what arrives here is the watch on a process that was dropped.
void PlannerImpl::taskFailed(kj::Exception&&) {}

}  // namespace h5cap
