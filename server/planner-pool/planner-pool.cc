#include "server/planner-pool/planner-pool.h"

#include <algorithm>

#include "server/planner-pool/planner-impl.h"

namespace h5cap {

namespace {

class PlannerPoolImpl final : public PlannerPool {
 public:
  PlannerPoolImpl(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options)
      : state_(kj::refcounted<PoolState>(io, timer, std::move(options))),
        idleTime_(state_->options.idleTime.count() * kj::SECONDS),
        sweeping_(sweep().eagerlyEvaluate(nullptr)) {}

  kj::Own<Planner> planner(kj::Own<const SharedFile> file, std::string state) override {
    return kj::refcounted<PlannerImpl>(kj::addRef(*state_), kj::mv(file), std::move(state));
  }

  kj::Promise<std::string> libraryVersion() override { return state_->zygote.libraryVersion(); }

  unsigned processCount() const override { return state_->processCount; }

 private:
  kj::Promise<void> sweep() {
    kj::Duration interval = std::clamp<kj::Duration>(idleTime_ / 4, 100 * kj::MILLISECONDS, 15 * kj::SECONDS);
    return state_->timer.afterDelay(interval).then([this] {
      state_->slots.evictIdleSince(state_->timer.now() - idleTime_);
      return sweep();
    });
  }

  kj::Own<PoolState> state_;
  const kj::Duration idleTime_;
  kj::Promise<void> sweeping_;
};

}  // namespace

kj::Own<PlannerPool> makePlannerPool(kj::LowLevelAsyncIoProvider& io, kj::Timer& timer, PlannerPoolOptions options) {
  return kj::heap<PlannerPoolImpl>(io, timer, std::move(options));
}

}  // namespace h5cap
