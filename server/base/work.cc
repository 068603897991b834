#include "server/base/work.h"

#include "core/wire.h"

namespace h5cap {

namespace {

thread_local const std::atomic<bool>* ourWorkIsUnwanted = nullptr;

}  // namespace

void checkWanted() {
  if (ourWorkIsUnwanted != nullptr && *ourWorkIsUnwanted) throw Failed("nobody waits for this work any longer");
}

kj::Exception currentExceptionAsKj() {
  try {
    throw;
  } catch (const kj::Exception& exception) {
    return kj::cp(exception);
  } catch (const std::exception& exception) {
    return wire::toKj(exception);
  } catch (...) {
    return wire::toKj(ErrorCode::failed, "an exception of an unknown kind");
  }
}

void Work::run() {
  kj::Maybe<Outcome> outcome;
  ourWorkIsUnwanted = &isUnwanted;
  KJ_IF_MAYBE (ours, body) {
    outcome = (*ours)();
  }
  ourWorkIsUnwanted = nullptr;
  body = nullptr;
  KJ_IF_MAYBE (tell, outcome) {
    (*tell)();
  }
}

}  // namespace h5cap
