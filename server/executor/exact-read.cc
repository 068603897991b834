#include "server/executor/exact-read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "h5cap/error.h"

namespace h5cap {

void readExactly(int file, std::uint64_t offset, std::span<std::byte> target) {
  std::size_t done = 0;
  while (done < target.size()) {
    ssize_t count = pread(file, target.data() + done, target.size() - done, static_cast<off_t>(offset + done));
    if (count > 0) {
      done += count;
    } else if (count == 0 || errno != EINTR) {
      std::string why = count == 0 ? "the file ends after " + std::to_string(done) : std::string(strerror(errno));
      throw FileError("cannot read " + std::to_string(target.size()) + " bytes at offset " + std::to_string(offset) +
                      ": " + why);
    }
  }
}

}  // namespace h5cap
