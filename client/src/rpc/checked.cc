#include "client/src/rpc/checked.h"

#include <new>
#include <stdexcept>

#include <kj/debug.h>

#include "core/wire.h"

namespace h5cap::detail {

void throwAsKj(std::exception_ptr problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const kj::Exception&) {
    throw;
  } catch (const std::bad_alloc&) {
    kj::throwFatalException(wire::toKj(ErrorCode::tooLarge, "the result does not fit into this machine's memory"));
  } catch (const std::length_error&) {
    kj::throwFatalException(wire::toKj(ErrorCode::tooLarge, "the result does not fit into this machine's memory"));
  } catch (const std::exception& error) {
    kj::throwFatalException(wire::toKj(error));
  }
}

ErrorCode codeOf(const kj::Exception& problem) {
  try {
    wire::rethrow(problem);
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace h5cap::detail
