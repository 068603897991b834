// What an executor thread uses of the event loop's: memory of a reply, an open file.  Those belong to a call that may
// be cancelled, and are then gone while the thread is still at work.
#pragma once

#include "server/base/guarded-value.h"

namespace h5cap {

class Loan {
 public:
  // Calls `use` unless the loan has ended, and keeps it from ending meanwhile: `use` has to be quick.  False when it
  // has ended.  On the executor's thread.
  template <class Use>
  bool whileLent(Use&& use) {
    auto state = state_.lock();
    if (state->isEnded) return false;
    use();
    state->isUsed = true;
    return true;
  }

  // From here on nothing of what was lent is touched.  On the event loop's thread.
  void end() { state_.lock()->isEnded = true; }

  // The same if nothing was touched so far, and `mayEnd` says so.
  template <class MayEnd>
  void endUnused(MayEnd&& mayEnd) {
    auto state = state_.lock();
    if (!state->isEnded && !state->isUsed) state->isEnded = mayEnd();
  }

 private:
  struct State {
    bool isEnded = false, isUsed = false;
  };
  GuardedValue<State> state_;  // locked while what was lent is used
};

}  // namespace h5cap
