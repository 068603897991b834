#include "h5cap/error.h"

#include <array>

namespace h5cap {

namespace {

constexpr std::array<std::string_view, 15> NAMES = {
    "failed",      "notFound",      "denied",        "badSelection", "badType",      "busy",        "deadline",
    "tooLarge",    "fileProblem",   "missingFilter", "missingSource", "changed",     "disconnected", "unimplemented",
    "unknownTicket",
};

}  // namespace

std::string_view name(ErrorCode code) {
  auto index = static_cast<std::size_t>(code);
  return index < NAMES.size() ? NAMES[index] : NAMES[0];
}

void raise(ErrorCode code, const std::string& message) {
  switch (code) {
    case ErrorCode::failed:
      throw Failed(message);
    case ErrorCode::notFound:
      throw NotFound(message);
    case ErrorCode::denied:
      throw Denied(message);
    case ErrorCode::unknownTicket:
      throw Denied(message, code);
    case ErrorCode::badSelection:
      throw BadSelection(message);
    case ErrorCode::badType:
      throw BadType(message);
    case ErrorCode::busy:
    case ErrorCode::deadline:
      throw Busy(message, code);
    case ErrorCode::tooLarge:
    case ErrorCode::fileProblem:
    case ErrorCode::missingFilter:
    case ErrorCode::missingSource:
    case ErrorCode::changed:
      throw FileError(message, code);
    case ErrorCode::disconnected:
      throw Disconnected(message);
    case ErrorCode::unimplemented:
      throw Unimplemented(message);
  }
  throw Failed(message);  // a number from a newer peer
}

std::string formatError(ErrorCode code, std::string_view message) {
  std::string text = "[";
  text += name(code);
  text += "] ";
  text += message;
  return text;
}

ErrorText parseError(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    for (std::size_t i = 0; i < NAMES.size(); ++i) {
      auto rest = text.substr(1);
      if (rest.substr(0, NAMES[i].size()) != NAMES[i]) continue;
      rest.remove_prefix(NAMES[i].size());
      if (rest.empty() || rest.front() != ']') continue;
      rest.remove_prefix(1);
      if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
      return {static_cast<ErrorCode>(i), std::string(rest)};
    }
  }
  return {ErrorCode::failed, std::string(text)};
}

}  // namespace h5cap
