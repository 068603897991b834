#include "server/base/lane.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <list>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "h5cap/error.h"
#include "server/base/fair-queue.h"
#include "server/base/guarded-value.h"

namespace h5cap {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const char* nameOf(LaneUse use) {
  switch (use) {
    case LaneUse::computing:
      return "compute";
    case LaneUse::reading:
      return "read";
    case LaneUse::opening:
      return "open";
    case LaneUse::listing:
      return "list";
  }
  return "lane";
}

// Signals belong to the event loop's thread: a new one inherits a mask that blocks all of them.
template <class Serve>
void startThread(Serve&& serve) {
  sigset_t everything, before;
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  KJ_DEFER(pthread_sigmask(SIG_SETMASK, &before, nullptr));
  std::thread(std::forward<Serve>(serve)).detach();
}

}  // namespace

struct Lane::Table : std::enable_shared_from_this<Table> {
  struct Known {
    std::map<LaneId, std::weak_ptr<State>> lanes;
    std::size_t sweepAt = 16;
    bool hasEnded = false;
  };

  explicit Table(LaneOptions options) : options(options) {}

  std::shared_ptr<State> of(const LaneId& id);

  const LaneOptions options;
  GuardedValue<Known> known;
  GuardedValue<unsigned> alive;  // threads, of all lanes
  std::condition_variable threadEnded;
};

// Its threads hold it.
struct Lane::State : std::enable_shared_from_this<State> {
  struct Inside {
    FairQueue waiting;
    std::vector<std::shared_ptr<Work>> running;  // at most as many as threads
    unsigned threads = 0;
    unsigned idle = 0;  // of those, waiting for work or for their turn
    bool hasEnded = false;
  };
  State(std::shared_ptr<Table> table, LaneId id) : table(std::move(table)), id(std::move(id)) {}

  bool givesUp() const { return id.use == LaneUse::opening || id.use == LaneUse::listing; }
  unsigned activeThreads() const {
    return std::max(givesUp() ? table->options.openingThreads : table->options.threads, 1u);
  }
  unsigned maxThreads() const { return activeThreads() + (givesUp() ? table->options.givenUpThreads : 0); }

  // When the next work may be begun: now, or once the first of those under way is given up.
  steady_clock::time_point nextTurn(const Inside& inside, steady_clock::time_point now) const {
    if (!givesUp()) return now;
    auto first = steady_clock::time_point::max();
    unsigned active = 0;
    for (const auto& work : inside.running) {
      const auto given = work->began + table->options.openingTime;
      if (given <= now) continue;
      ++active;
      first = std::min(first, given);
    }
    return active < activeThreads() ? now : first;
  }

  // Counts one more thread, which is then to be started, when there is work for it; of a lane whose threads are all at
  // work one watches, to take the place of whichever is given up.
  bool wantsThread(Inside& inside) const {
    if (inside.hasEnded || inside.threads >= maxThreads()) return false;
    const auto busy = static_cast<unsigned>(inside.running.size());
    const unsigned useful = busy < activeThreads() ? activeThreads() - busy : 1;
    if (inside.idle >= std::min<std::size_t>(inside.waiting.size(), useful)) return false;
    ++inside.threads;
    return true;
  }

  void start() {
    ++*table->alive.lock();
    try {
      startThread([self = shared_from_this()] { self->serve(); });
    } catch (const std::system_error&) {
      --inside.lock()->threads;
      endThread();
      throw Busy("no thread can be started");
    }
  }

  void endThread() {
    --*table->alive.lock();
    table->threadEnded.notify_all();
  }

  void add(const std::shared_ptr<Work>& work) {
    bool needsThread = false;
    kj::Maybe<Work::Body> dropped;  // destroyed after the lock is released
    {
      auto inside = this->inside.lock();
      if (inside->hasEnded) {
        work->state = Work::State::taken;
        dropped = kj::mv(work->body);
        return;
      }
      if (givesUp() && inside->running.size() >= maxThreads()) throw Busy("the file system does not answer");
      inside->waiting.add(work);
      needsThread = wantsThread(*inside);
    }
    if (!needsThread) {
      arrived.notify_one();
      return;
    }
    try {
      start();
    } catch (const Busy&) {
      if (inside.lock()->threads > 0) return;  // they get there
      withdraw(*work);
      throw;
    }
  }

  void withdraw(Work& work) {
    work.isUnwanted = true;
    kj::Maybe<Work::Body> body;  // destroyed after the lock is released
    auto inside = this->inside.lock();
    if (work.state != Work::State::queued) return;
    inside->waiting.remove(work);
    body = kj::mv(work.body);
  }

  // Nothing when the thread is to end: it is not counted here any more.
  std::shared_ptr<Work> take() {
    auto inside = this->inside.lock();
    ++inside->idle;
    KJ_DEFER(--inside->idle);
    for (;;) {
      auto now = steady_clock::now();
      const bool isIdle = inside->waiting.empty();
      if (!inside->hasEnded && !isIdle && nextTurn(*inside, now) <= now) break;
      bool goesOn = !inside->hasEnded;
      if (goesOn && isIdle) {
        goesOn = inside.waitFor(arrived, table->options.idleTime,
                                [&] { return inside->hasEnded || !inside->waiting.empty(); });
      } else if (goesOn) {
        const auto turn = std::chrono::ceil<milliseconds>(nextTurn(*inside, now) - now);
        inside.waitFor(arrived, turn, [&] {
          now = steady_clock::now();
          return inside->hasEnded || inside->waiting.empty() || nextTurn(*inside, now) <= now;
        });
      }
      if (goesOn) continue;
      --inside->threads;
      return nullptr;
    }
    auto work = inside->waiting.take();
    work->began = steady_clock::now();
    inside->running.push_back(work);
    return work;
  }

  // Another thread for what is still queued.
  void callForHelp() {
    if (!wantsThread(*inside.lock())) return;
    try {
      start();
    } catch (const Busy&) {
      // whoever asks next tries again
    }
  }

  void serve() {
    pthread_setname_np(pthread_self(), nameOf(id.use));
    while (auto work = take()) {
      callForHelp();
      work->run();
      done(work);
    }
    endThread();
  }

  void done(const std::shared_ptr<Work>& work) {
    auto inside = this->inside.lock();
    auto place = std::find(inside->running.begin(), inside->running.end(), work);
    std::swap(*place, inside->running.back());
    inside->running.pop_back();
  }

  void end() {
    std::list<kj::Maybe<Work::Body>> dropped;  // destroyed last: that rejects their promises
    {
      auto inside = this->inside.lock();
      inside->hasEnded = true;
      while (!inside->waiting.empty()) dropped.push_back(kj::mv(inside->waiting.take()->body));
      for (const auto& work : inside->running) work->isUnwanted = true;
    }
    arrived.notify_all();
  }

  const std::shared_ptr<Table> table;
  const LaneId id;
  GuardedValue<Inside> inside;
  std::condition_variable arrived;
};

kj::Own<void> Lane::enqueue(WorkOwner owner, Work::Body body) const {
  auto work = std::make_shared<Work>(owner, kj::mv(body));
  try {
    state_->add(work);
  } catch (const Busy&) {
    kj::throwFatalException(currentExceptionAsKj());
  }
  return kj::heap(kj::defer([state = state_, work] { state->withdraw(*work); }));
}

void Lane::leave(kj::Function<void()> work) const {
  try {
    state_->add(std::make_shared<Work>(WorkOwner{}, [work = kj::mv(work)]() mutable -> Work::Outcome {
      work();
      return [] {};
    }));
  } catch (const Busy&) {
    // as if the lanes had ended
  }
}

const LaneId& Lane::id() const { return state_->id; }

LaneRule Lane::rule() const { return state_->table->options.rule; }

unsigned Lane::threadCount() const { return state_->inside.lock()->threads; }

namespace {

// What is no part of a name: between those of lanes that are one.
constexpr char BETWEEN = '\0';

std::set<std::string> partsOf(const LaneId& id) {
  if (id.apart.find(BETWEEN) == std::string::npos) {
    return {id.exported + "/" + std::to_string(id.device) + "/" + id.apart};
  }
  std::set<std::string> parts;
  for (std::size_t from = 0; from < id.apart.size();) {
    const std::size_t to = id.apart.find(BETWEEN, from);
    parts.insert(id.apart.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

}  // namespace

Lane Lane::with(const Lane& other) const {
  if (*this == other) return *this;
  auto parts = partsOf(id());
  parts.merge(partsOf(other.id()));
  LaneId both{id().use, "", 0, ""};
  for (const std::string& one : parts) both.apart += one + BETWEEN;
  return Lane(state_->table->of(both));
}

std::shared_ptr<Lane::State> Lane::Table::of(const LaneId& id) {
  auto known = this->known.lock();
  auto& place = known->lanes[id];
  if (auto state = place.lock()) return state;
  auto state = std::make_shared<State>(shared_from_this(), id);
  if (known->hasEnded) state->end();
  place = state;
  if (known->lanes.size() >= known->sweepAt) {
    std::erase_if(known->lanes, [](const auto& one) { return one.second.expired(); });
    known->sweepAt = 2 * known->lanes.size() + 16;
  }
  return state;
}

Lanes::Lanes(LaneOptions options) : table_(std::make_shared<Lane::Table>(options)) {}

Lanes::~Lanes() { finish(); }

Lane Lanes::of(const LaneId& id) const { return Lane(table_->of(id)); }

unsigned Lanes::finish(milliseconds patience) {
  std::vector<std::shared_ptr<Lane::State>> lanes;
  {
    auto known = table_->known.lock();
    known->hasEnded = true;
    for (const auto& [id, lane] : known->lanes) {
      if (auto state = lane.lock()) lanes.push_back(std::move(state));
    }
  }
  for (const auto& lane : lanes) lane->end();
  auto alive = table_->alive.lock();
  alive.waitFor(table_->threadEnded, patience, [&] { return *alive == 0; });
  return *alive;
}

const LaneOptions& Lanes::options() const { return table_->options; }

std::size_t Lanes::count() const {
  auto known = table_->known.lock();
  std::erase_if(known->lanes, [](const auto& one) { return one.second.expired(); });
  return known->lanes.size();
}

unsigned Lanes::threadCount() const { return *table_->alive.lock(); }

}  // namespace h5cap
