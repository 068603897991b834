// Our exceptions inside promises: KJ would flatten a std::exception to its text and lose the code.
#pragma once

#include <kj/async.h>
#include <kj/exception.h>

#include <exception>
#include <string>
#include <utility>

#include "core/wire.h"

namespace h5cap {

// Calls `work`; an exception of ours leaves as the kj::Exception that wire::toKj makes of it.
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const kj::Exception&) {
    throw;
  } catch (const std::exception& error) {
    kj::throwFatalException(wire::toKj(error));
  }
}

// The same for a call that returns a promise, which then fails instead of the call.
template <class Work>
auto inPromise(Work&& work) -> decltype(work()) {
  return kj::evalNow([&] { return guarded(work); });
}

[[noreturn]] inline void raiseKj(ErrorCode code, const std::string& message) {
  kj::throwFatalException(wire::toKj(code, message));
}

inline ErrorText errorOf(const kj::Exception& exception) {
  return parseError({exception.getDescription().cStr(), exception.getDescription().size()});
}

}  // namespace h5cap
