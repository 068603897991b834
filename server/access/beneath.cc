#include "server/access/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr int MAX_RACES = 32;  // openat2 says EAGAIN when a rename elsewhere interferes with ".."

// A descriptor, or -1 with errno.
int openPath(int folder, const std::string& path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_NO_MAGICLINKS | resolve;
  for (int race = 0;; ++race) {
    long descriptor = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (descriptor >= 0 || (errno != EAGAIN && errno != EINTR) || race == MAX_RACES) {
      return static_cast<int>(descriptor);
    }
  }
}

std::string descriptorPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

}  // namespace

void raiseErrno(int error, const std::string& shown) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      throw NotFound(shown + ": no such file or directory");
    case EXDEV:
    case ELOOP:
      throw Denied(shown + ": symbolic links that leave the export are not followed");
    case EACCES:
    case EPERM:
      throw Denied(shown + ": permission denied");
    default:
      throw FileError(shown + ": " + strerror(error));
  }
}

kj::Maybe<kj::AutoCloseFd> resolveBeneath(int folder, const std::string& path, Beyond beyond,
                                          const std::string& shown) {
  int descriptor = openPath(folder, path, 0, beyond == Beyond::denied ? RESOLVE_BENEATH : 0);
  if (descriptor >= 0) return kj::AutoCloseFd(descriptor);
  if (errno == EXDEV) return nullptr;
  raiseErrno(errno, shown);
}

kj::AutoCloseFd resolveWithoutLinks(int folder, const std::string& path, const std::string& shown) {
  int descriptor = openPath(folder, path, O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (descriptor < 0) raiseErrno(errno, shown);
  return kj::AutoCloseFd(descriptor);
}

kj::Maybe<kj::AutoCloseFd> folderWithoutLinks(const std::string& path) {
  int descriptor = openPath(AT_FDCWD, path, O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  if (descriptor < 0) return nullptr;
  return kj::AutoCloseFd(descriptor);
}

std::optional<std::string> linkTarget(int path, const std::string& shown) {
  struct stat status;
  if (fstat(path, &status) != 0) raiseErrno(errno, shown);
  if (!S_ISLNK(status.st_mode)) return std::nullopt;
  char buffer[PATH_MAX];
  ssize_t length = readlinkat(path, "", buffer, sizeof buffer);
  if (length < 0) raiseErrno(errno, shown);
  return std::string(buffer, length);
}

kj::AutoCloseFd reopen(int path, int flags, const std::string& shown) {
  for (;;) {
    int descriptor = open(descriptorPath(path).c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor >= 0) return kj::AutoCloseFd(descriptor);
    if (errno != EINTR) raiseErrno(errno, shown);
  }
}

std::string pathOf(int descriptor, const std::string& shown) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) raiseErrno(errno, shown);
  if (status.st_nlink == 0) raiseErrno(ENOENT, shown);
  char buffer[PATH_MAX];
  ssize_t length = readlink(descriptorPath(descriptor).c_str(), buffer, sizeof buffer);
  if (length < 0) raiseErrno(errno, shown);
  return std::string(buffer, length);
}

}  // namespace h5cap
