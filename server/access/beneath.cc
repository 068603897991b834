#include "server/access/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "h5cap/error.h"

namespace h5cap {

namespace {

constexpr int MAX_RACES = 32;  // openat2 says EAGAIN when a rename elsewhere interferes with ".."

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

kj::AutoCloseFd resolveBeneath(int folder, const std::string& path, Beyond beyond, const std::string& shown) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS | (beyond == Beyond::denied ? RESOLVE_BENEATH : 0);
  for (int race = 0;; ++race) {
    long descriptor = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (descriptor >= 0) return kj::AutoCloseFd(static_cast<int>(descriptor));
    if ((errno != EAGAIN && errno != EINTR) || race == MAX_RACES) raiseErrno(errno, shown);
  }
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
