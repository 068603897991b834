#include "server/access/exports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace h5cap {

namespace {

bool isDirectory(const std::string& path) {
  struct stat status;
  return !path.empty() && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string canonical(const std::string& folder) {
  char* resolved = realpath(folder.c_str(), nullptr);
  if (resolved == nullptr) throw std::invalid_argument(folder + ": " + strerror(errno));
  std::string result(resolved);
  free(resolved);
  return result;
}

void checkName(const std::string& name, const std::string& text) {
  if (name.empty()) throw std::invalid_argument(text + ": an export needs a name, as in NAME=DIR");
  if (name == "." || name == "..") throw std::invalid_argument(text + ": '" + name + "' cannot name an export");
  if (name.find('/') != std::string::npos) {
    throw std::invalid_argument(text + ": the name of an export has no slash");
  }
}

}  // namespace

Export parseExport(const std::string& text) {
  if (text.find('\0') != std::string::npos) throw std::invalid_argument("a folder with a NUL character in its name");
  if (text.empty()) throw std::invalid_argument("an empty name is no folder");
  std::size_t equals = text.find('=');
  // "run=5" may be a folder's own name.
  bool named = equals != std::string::npos && (isDirectory(text.substr(equals + 1)) || !isDirectory(text));
  std::string folder = named ? text.substr(equals + 1) : text;
  if (named) checkName(text.substr(0, equals), text);
  if (folder.empty()) throw std::invalid_argument(text + ": no folder after '='");
  std::string resolved = canonical(folder);
  if (!isDirectory(resolved)) throw std::invalid_argument(folder + ": is not a directory");
  std::string name = named ? text.substr(0, equals) : resolved.substr(resolved.rfind('/') + 1);
  checkName(name, text);
  return Export{.name = name, .folder = resolved, .asGiven = std::filesystem::absolute(folder).lexically_normal()};
}

Export wholeHost() { return Export{.name = "", .folder = "/"}; }

void setSettleTime(std::vector<Export>& exports, const std::string& text) {
  constexpr double longest = 86400;
  const std::size_t equals = text.rfind('=');
  const std::string number = equals == std::string::npos ? text : text.substr(equals + 1);
  double seconds = -1;
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), seconds);
  if (problem != std::errc() || end != number.data() + number.size() || !(seconds >= 0 && seconds <= longest))
    throw std::invalid_argument("settle " + text + ": not a number of seconds from 0 to 86400");
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
  bool isKnown = equals == std::string::npos;
  for (Export& one : exports) {
    if (equals != std::string::npos && one.name != text.substr(0, equals)) continue;
    one.settle = time;
    isKnown = true;
  }
  if (!isKnown) throw std::invalid_argument("settle " + text + ": no folder is served by that name");
}

void Places::add(const std::string& path) {
  if (std::find(inside.begin(), inside.end(), path) == inside.end()) inside.push_back(path);
}

void Places::add(const Places& more) {
  for (const std::string& path : more.inside) add(path);
  if (more.outside == Outside::some) outside = Outside::some;
}

}  // namespace h5cap
