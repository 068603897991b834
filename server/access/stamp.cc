#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "server/access/opener.h"

namespace h5cap {

namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

Version Stamp::version() const {
  std::uint64_t parts[] = {device, inode, size, static_cast<std::uint64_t>(modifiedNs),
                           static_cast<std::uint64_t>(changedNs)};
  Version bytes(sizeof parts);
  memcpy(bytes.data(), parts, sizeof parts);
  return bytes;
}

Stamp stampOf(int file) {
  struct stat status;
  if (fstat(file, &status) != 0) throw FileError(std::string("cannot examine an open file: ") + strerror(errno));
  return Stamp{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
               nanoseconds(status.st_ctim)};
}

}  // namespace h5cap
