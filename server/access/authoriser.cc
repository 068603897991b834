#include "server/access/authoriser.h"

#include <unistd.h>

#include <algorithm>

#include "h5cap/error.h"
#include "server/base/guarded.h"

namespace h5cap {

void Revocation::revoke() {
  isRevoked_ = true;
  auto waiting = waiting_.lockExclusive();
  for (auto& waiter : *waiting) waiter->fulfill();
  waiting->clear();
}

kj::Promise<void> Revocation::whenRevoked() const {
  auto waiting = waiting_.lockExclusive();
  if (isRevoked_) return kj::READY_NOW;
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  // Nobody waits any more for most of those that ended unrevoked.
  if (waiting->size() == waiting->capacity()) {
    kj::Vector<kj::Own<kj::CrossThreadPromiseFulfiller<void>>> left;
    for (auto& waiter : *waiting)
      if (waiter->isWaiting()) left.add(kj::mv(waiter));
    left.reserve(2 * left.size() + 1);
    *waiting = kj::mv(left);
  }
  waiting->add(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

bool Grant::covers(rpc::Access access) const {
  if (access > rights_) return false;
  if (revocation_ != nullptr && revocation_->isRevoked()) return false;
  return !until_ || std::chrono::system_clock::now() < *until_;
}

Grant Grant::narrowedTo(rpc::Access access) const {
  return Grant(std::min(rights_, access), path_, until_, revocation_);
}

kj::Promise<void> Grant::whenEnded(kj::Timer& timer) const {
  kj::Promise<void> ended = kj::NEVER_DONE;
  if (revocation_ != nullptr) ended = revocation_->whenRevoked();
  if (!until_) return ended;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*until_ - std::chrono::system_clock::now());
  return ended.exclusiveJoin(timer.afterDelay(std::max<std::int64_t>(left.count(), 0) * kj::MILLISECONDS));
}

kj::Promise<void> Grant::endOf(kj::Timer& timer, std::string what) const {
  return whenEnded(timer).then([what = std::move(what)]() -> void {
    raiseKj(ErrorCode::denied, what + ": the permission has ended");
  });
}

namespace {

class OwnUserAuthoriser final : public Authoriser {
 public:
  Grant authorise(const AccessQuestion& question) const override {
    const Identity& identity = question.principal.identity();
    if (!isAllowed(identity) || question.access > rpc::Access::READ)
      throw Denied(question.requestedPath + ": not allowed for " +
                   (identity.user.empty() ? "an unnamed user" : identity.user));
    return Grant(rpc::Access::READ, question.finalPath.value_or(question.requestedPath), std::nullopt, nullptr);
  }

 private:
  static bool isAllowed(const Identity& identity) {
    switch (identity.method) {
      case Authentication::unixPeer:
        return identity.uid == geteuid();
      case Authentication::standardStreams:
        return true;
      case Authentication::none:
        return identity.user == "anyone";
    }
    return false;
  }
};

}  // namespace

std::unique_ptr<Authoriser> makeOwnUserAuthoriser() { return std::make_unique<OwnUserAuthoriser>(); }

}  // namespace h5cap
