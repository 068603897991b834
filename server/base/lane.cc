#include "server/base/lane.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <list>
#include <map>
#include <set>
#include <system_error>
#include <vector>

#include "h5cap/error.h"
#include "server/base/fair-queue.h"
#include "server/base/guarded-value.h"
#include "server/base/start-thread.h"

namespace h5cap {

namespace {

constexpr unsigned forSmallWork = 1;  // threads

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

// What waits for threads: small work first, but for one turn in some.
class LaneQueue {
 public:
  bool empty() const { return usual_.empty() && small_.empty(); }
  std::size_t size() const { return usual_.size() + small_.size(); }
  std::size_t sizeOf(WorkSize size) const { return size == WorkSize::small ? small_.size() : usual_.size(); }

  void add(const std::shared_ptr<Work>& work) { of(work->size).add(work); }
  void remove(Work& work) { of(work.size).remove(work); }

  // Small work only, when that is all that there is a thread for.  Not when there is none.
  std::shared_ptr<Work> take(bool onlySmall) {
    const bool isSmall = onlySmall || usual_.empty() || (!small_.empty() && ++smallInARow_ < smallTurns);
    if (!isSmall) smallInARow_ = 0;
    return (isSmall ? small_ : usual_).take();
  }

 private:
  static constexpr unsigned smallTurns = 8;

  FairQueue& of(WorkSize size) { return size == WorkSize::small ? small_ : usual_; }

  FairQueue usual_, small_;
  unsigned smallInARow_ = 0;
};

// Its threads hold it.
struct Lane::State : std::enable_shared_from_this<State> {
  struct Inside {
    LaneQueue waiting;
    std::vector<std::shared_ptr<Work>> running;  // at most as many as threads
    unsigned threads = 0;
    unsigned idle = 0;  // of those, waiting for work or for their turn
    unsigned usual = 0;  // running, of the usual size
    bool hasEnded = false;
  };
  State(std::shared_ptr<Table> table, LaneId id) : table(std::move(table)), id(std::move(id)) {}

  bool givesUp() const { return id.use == LaneUse::opening || id.use == LaneUse::listing; }
  unsigned activeThreads() const {
    return std::max(givesUp() ? table->options.openingThreads : table->options.threads, 1u);
  }
  unsigned maxThreads() const { return activeThreads() + (givesUp() ? table->options.givenUpThreads : forSmallWork); }

  // Whether a thread that is free may only begin small work: the others are enough for the rest.
  bool isForSmallWork(const Inside& inside) const { return !givesUp() && inside.usual >= activeThreads(); }

  // Whether there is work that it may begin.
  bool hasWork(const Inside& inside) const {
    return isForSmallWork(inside) ? inside.waiting.sizeOf(WorkSize::small) > 0 : !inside.waiting.empty();
  }

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
    if (inside.hasEnded || inside.threads >= maxThreads() || !needsThread(inside)) return false;
    ++inside.threads;
    return true;
  }

  bool needsThread(const Inside& inside) const {
    const auto busy = static_cast<unsigned>(inside.running.size());
    if (!givesUp()) return inside.threads - busy < beginnable(inside);  // those that are being started included
    const unsigned useful = busy < activeThreads() ? activeThreads() - busy : 1;
    return inside.idle < std::min<std::size_t>(inside.waiting.size(), useful);
  }

  // How much of what waits would be begun, were there threads.
  std::size_t beginnable(const Inside& inside) const {
    const std::size_t forUsual = inside.usual < activeThreads() ? activeThreads() - inside.usual : 0;
    return std::min(inside.waiting.sizeOf(WorkSize::usual), forUsual) + inside.waiting.sizeOf(WorkSize::small);
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
      const bool isIdle = !hasWork(*inside);
      if (!inside->hasEnded && !isIdle && nextTurn(*inside, now) <= now) break;
      bool goesOn = !inside->hasEnded;
      if (goesOn && isIdle) {
        goesOn = inside.waitFor(arrived, table->options.idleTime,
                                [&] { return inside->hasEnded || hasWork(*inside); });
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
    auto work = inside->waiting.take(isForSmallWork(*inside));
    if (work->size == WorkSize::usual) ++inside->usual;
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
      finished(work);
    }
    endThread();
  }

  void finished(const std::shared_ptr<Work>& work) {
    auto inside = this->inside.lock();
    auto place = std::find(inside->running.begin(), inside->running.end(), work);
    std::swap(*place, inside->running.back());
    inside->running.pop_back();
    if (work->size == WorkSize::usual) --inside->usual;
  }

  void end() {
    std::list<kj::Maybe<Work::Body>> dropped;  // destroyed last: that rejects their promises
    {
      auto inside = this->inside.lock();
      inside->hasEnded = true;
      while (!inside->waiting.empty()) dropped.push_back(kj::mv(inside->waiting.take(false)->body));
      for (const auto& work : inside->running) work->isUnwanted = true;
    }
    arrived.notify_all();
  }

  const std::shared_ptr<Table> table;
  const LaneId id;
  GuardedValue<Inside> inside;
  std::condition_variable arrived;
};

kj::Own<void> Lane::enqueue(WorkOwner owner, WorkSize size, Work::Body body) const {
  auto work = std::make_shared<Work>(owner, size, kj::mv(body));
  try {
    state_->add(work);
  } catch (const Busy&) {
    kj::throwFatalException(currentExceptionAsKj());
  }
  return kj::heap(kj::defer([state = state_, work] { state->withdraw(*work); }));
}

void Lane::leave(kj::Function<void()> work) const {
  try {
    state_->add(std::make_shared<Work>(WorkOwner{}, WorkSize::usual, [work = kj::mv(work)]() mutable -> Work::Outcome {
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
