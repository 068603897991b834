// Streams a whole dataset through `View::tiles` for a while and then drops the stream, keeping the connection.
//
//     stream-view URL PATH SECONDS
//
// A line a second: bytes received, tiles, resident bytes of this process.  Then `cancelled BYTES`; ends when stdin
// does.  The dataset is the one of test_endless_read.py: three axes of 16-bit integers, the first element of frame i
// being i % 512 + 1.  A tile that holds such an element is checked; `wrong` is printed and the exit code is 1
// otherwise.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <unistd.h>

#include "h5cap/client.h"

namespace {

constexpr std::uint64_t SOURCE_FRAMES = 512;

std::uint64_t residentBytes() {
  std::uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// How many first elements of frames the tile holds, all of them right; throws otherwise.
std::uint64_t check(const h5cap::StreamedTile& tile) {
  const auto& axes = tile.inResult;
  if (axes.size() != 3 || axes[1].count == 0 || axes[2].count == 0)
    throw std::runtime_error("wrong: no tile of three axes");
  if (axes[1].at(0) != 0 || axes[2].at(0) != 0) return 0;
  const std::uint64_t frameBytes = axes[1].count * axes[2].count * sizeof(std::uint16_t);
  if (tile.elements.size() != axes[0].count * frameBytes) throw std::runtime_error("wrong: size of a tile");
  for (std::uint64_t i = 0; i < axes[0].count; ++i) {
    std::uint16_t first;
    std::memcpy(&first, tile.elements.data() + i * frameBytes, sizeof first);
    if (first != axes[0].at(i) % SOURCE_FRAMES + 1) {
      throw std::runtime_error("wrong: frame " + std::to_string(axes[0].at(i)) + " begins with " +
                               std::to_string(first));
    }
  }
  return axes[0].count;
}

void stream(const h5cap::Dataset& dataset, std::chrono::seconds duration) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t bytes = 0, tiles = 0, checked = 0;
  {
    auto stream = dataset.view().tiles();
    const auto start = Clock::now();
    auto report = start + std::chrono::seconds(1);
    while (auto tile = stream.next()) {
      bytes += tile->elements.size();
      ++tiles;
      checked += check(*tile);
      const auto now = Clock::now();
      if (now >= report) {
        std::cout << bytes << ' ' << tiles << ' ' << residentBytes() << std::endl;
        report += std::chrono::seconds(1);
      }
      if (now - start >= duration) break;
    }
  }
  std::cout << "cancelled " << bytes << ' ' << checked << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: stream-view URL PATH SECONDS\n";
    return 2;
  }
  try {
    auto file = h5cap::openUrl(argv[1]);
    stream(file.dataset(argv[2]), std::chrono::seconds(std::atoi(argv[3])));
  } catch (const std::exception& problem) {
    std::cout << problem.what() << std::endl;
    return 1;
  }
  std::cin.get();
}
