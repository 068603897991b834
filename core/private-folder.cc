#include "core/private-folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace h5cap {

std::optional<std::string> whyNotPrivate(const std::string& folder) {
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return folder + ": " + std::strerror(errno);
  }
  if (!S_ISDIR(status.st_mode)) return folder + ": is not a folder";
  if (status.st_uid != geteuid()) return folder + ": belongs to another user";
  if ((status.st_mode & 077) != 0) return folder + ": others have access to it (its mode is not 0700)";
  return std::nullopt;
}

}  // namespace h5cap
