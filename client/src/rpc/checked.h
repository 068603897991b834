// Exceptions of h5cap on their way through promises, and through the wire.
#pragma once

#include <exception>

#include <kj/exception.h>

#include "h5cap/error.h"

namespace h5cap::detail {

// Throws the kj exception that `Peer::translate` turns back into the same class; a kj exception as it is.
[[noreturn]] void throwAsKj(std::exception_ptr problem);

// Runs `f`; exceptions of h5cap, and std::bad_alloc, become kj exceptions that arrive as the same class again.
template <class F>
auto checked(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    throwAsKj(std::current_exception());
  }
}

// What the peer meant by an exception, however many connections it has crossed.
ErrorCode codeOf(const kj::Exception& problem);

}  // namespace h5cap::detail
