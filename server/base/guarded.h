// Our exceptions inside promises: KJ would flatten a std::exception to its text and lose the code.
#pragma once

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

[[noreturn]] inline void raiseKj(ErrorCode code, const std::string& message) {
  kj::throwFatalException(wire::toKj(code, message));
}

inline ErrorText errorOf(const kj::Exception& exception) {
  return parseError({exception.getDescription().cStr(), exception.getDescription().size()});
}

}  // namespace h5cap
