// Errors, typed by what the caller can do about them; the same classes at both ends of a connection.
//
// Every exception that h5cap throws derives from `h5cap::Error` and from a standard exception, so `catch (const
// h5cap::Error&)` and `catch (const std::exception&)` both work.  Messages name the object, the operation and the
// limit.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace h5cap {

// In the order of `ErrorCode` in capnp/h5cap/types.capnp, where each is explained.
enum class ErrorCode {
  failed,
  notFound,
  denied,
  badSelection,
  badType,
  busy,
  deadline,
  tooLarge,
  fileProblem,
  missingFilter,
  missingSource,
  changed,
  disconnected,
  unimplemented,
  unknownTicket,
};

// The enumerant's name, as it stands in brackets in front of a remote exception's text: "notFound".
std::string_view name(ErrorCode code);

class Error {
 public:
  virtual ~Error() = default;
  virtual const char* what() const noexcept = 0;
  ErrorCode code() const noexcept { return code_; }

 protected:
  explicit Error(ErrorCode code) : code_(code) {}

 private:
  ErrorCode code_;
};

namespace detail {

template <class Standard, ErrorCode defaultCode>
class TypedError : public Standard, public Error {
 public:
  explicit TypedError(const std::string& message, ErrorCode code = defaultCode) : Standard(message), Error(code) {}
  const char* what() const noexcept override { return Standard::what(); }
};

}  // namespace detail

class Failed : public detail::TypedError<std::runtime_error, ErrorCode::failed> { using TypedError::TypedError; };
class NotFound : public detail::TypedError<std::runtime_error, ErrorCode::notFound> { using TypedError::TypedError; };
// Not allowed (denied), or a ticket of another run of the server (unknownTicket).
class Denied : public detail::TypedError<std::runtime_error, ErrorCode::denied> { using TypedError::TypedError; };
class BadSelection : public detail::TypedError<std::invalid_argument, ErrorCode::badSelection> {
  using TypedError::TypedError;
};
class BadType : public detail::TypedError<std::invalid_argument, ErrorCode::badType> { using TypedError::TypedError; };
// Over a budget (busy), or out of time (deadline): worth trying again later.
class Busy : public detail::TypedError<std::runtime_error, ErrorCode::busy> { using TypedError::TypedError; };
// Too large, a problem of the file, of a filter or of a source, or the file changed: `code()` tells which.
class FileError : public detail::TypedError<std::runtime_error, ErrorCode::fileProblem> {
  using TypedError::TypedError;
};
class Disconnected : public detail::TypedError<std::runtime_error, ErrorCode::disconnected> {
  using TypedError::TypedError;
};
class Unimplemented : public detail::TypedError<std::runtime_error, ErrorCode::unimplemented> {
  using TypedError::TypedError;
};

// Throws the class that belongs to `code`.
[[noreturn]] void raise(ErrorCode code, const std::string& message);

struct ErrorText {
  ErrorCode code;
  std::string message;
};

// "[notFound] /entry: no such object", the text of a remote exception: written and parsed only here.
std::string formatError(ErrorCode code, std::string_view message);

// The inverse; a text without a known code in brackets at its beginning is `failed` with the whole text.
ErrorText parseError(std::string_view text);

}  // namespace h5cap
