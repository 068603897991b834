#include "client/src/rpc/call.h"

#include "h5cap/error.h"

namespace h5cap::detail {

void Call::check() const {
  if (auto why = problem()) std::rethrow_exception(why);
}

bool Call::hasFailed() const { return problem() != nullptr; }

bool Call::wasLost() const {
  try {
    check();
    return false;
  } catch (const Disconnected&) {
    return true;
  } catch (...) {
    return false;
  }
}

void Call::finish(std::exception_ptr problem) {
  {
    auto ending = ending_.lock();
    if (ending->isDone) return;
    *ending = {true, std::move(problem)};
  }
  if (isOurs()) changed_.notify_all();  // a forked child has nobody else who waits
  if (auto then = std::move(whenDone)) then();
}

}  // namespace h5cap::detail
