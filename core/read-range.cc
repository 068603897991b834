#include "core/read-range.h"

#include <errno.h>
#include <unistd.h>

namespace h5cap {

std::optional<std::size_t> readRange(int descriptor, std::uint64_t offset, std::span<std::byte> target) {
  std::size_t done = 0;
  while (done < target.size()) {
    const auto left = target.subspan(done);
    const ssize_t got = pread(descriptor, left.data(), left.size(), static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace h5cap
