// The queue of questions to one version of one file.
#pragma once

#include <map>

#include "h5cap/error.h"
#include "server/base/shared-file.h"
#include "server/planner-pool/planner-process.h"
#include "server/planner-pool/planner.h"
#include "server/planner-pool/pool-options.h"
#include "server/planner-pool/pool-slots.h"
#include "server/planner-pool/quarantine.h"

namespace h5cap {

// What planners share.
struct PoolState : kj::Refcounted {
  PoolState(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options);

  kj::LowLevelAsyncIoProvider& io;
  kj::Timer& timer;
  const PlannerPoolOptions options;
  Zygote zygote;
  Quarantine quarantine;
  PoolSlots slots;
  unsigned processCount = 0;
};

class PlannerImpl final : public Planner, private Evictable, private kj::TaskSet::ErrorHandler {
 public:
  PlannerImpl(kj::Own<PoolState> pool, kj::Own<const SharedFile> file, std::string state);
  ~PlannerImpl() noexcept(false);

  kj::Promise<kj::Own<PlannerAnswer>> ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) override;

 private:
  struct Question;
  struct Live;
  struct Outcome;

  kj::Promise<void> work();
  kj::Promise<void> handleFront();
  kj::Promise<void> ensureProcess();
  kj::Promise<bool> openFile();
  kj::Promise<void> askFront();
  kj::Promise<Outcome> exchange(const Question& question);
  kj::Promise<Outcome> overuse(kj::Duration atStart, std::chrono::milliseconds limit);
  Question& front();
  void popFront();
  void strike(const std::string& key, const Outcome& outcome);
  void answerFront(kj::Own<PlannerAnswer> answer);
  void rejectFront(kj::Exception error);
  void adopt(kj::Own<PoolSlots::Slot> slot, ForkedPlanner forked);
  void dropProcess();
  void rest();
  void withdraw(std::uint64_t id);
  void evict() override { dropProcess(); }
  void taskFailed(kj::Exception&& error) override;

  kj::Own<PoolState> pool_;
  const kj::Own<const SharedFile> file_;
  const std::string state_;  // names the file in quarantine
  kj::Own<Question> open_;  // what every process is asked first
  kj::Maybe<kj::Own<Live>> live_;
  std::uint64_t generation_ = 0;         // of live_
  std::map<std::uint64_t, kj::Own<Question>> queue_;  // by id; the first one is being worked on
  bool working_ = false;
  std::uint64_t lastId_ = 0;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> withdrawal_;  // of the front question, while it is in work
  kj::Own<kj::TaskSet> tasks_;
};

}  // namespace h5cap
