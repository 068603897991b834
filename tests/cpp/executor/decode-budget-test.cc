// Covers the memory of decoding: the budget by itself, and chunks of a few kilobytes that decode to megabytes, gathered
// by many threads.  Memory is counted by what leases allow, not by the allocator.
#include "server/executor/decode-budget.h"

#include <doctest/doctest.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "h5cap/error.h"
#include "server/executor/gather.h"

using namespace h5cap;

namespace {

constexpr std::uint64_t BOMB_BYTES = 32 << 20;
constexpr unsigned THREADS = 8;

Bytes bomb() {
  Bytes zeros(BOMB_BYTES);
  auto* compressor = libdeflate_alloc_compressor(6);
  Bytes packed(libdeflate_zlib_compress_bound(compressor, zeros.size()));
  packed.resize(libdeflate_zlib_compress(compressor, zeros.data(), zeros.size(), packed.data(), packed.size()));
  libdeflate_free_compressor(compressor);
  return packed;
}

std::uint64_t peakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

// By how much resident memory grew while as many threads decoded a bomb each.
std::uint64_t growth(DecodeBudget& budget) {
  int file = memfd_create("bombs", MFD_CLOEXEC);
  auto packed = bomb();
  REQUIRE(pwrite(file, packed.data(), packed.size(), 0) == static_cast<ssize_t>(packed.size()));
  ChunkedStorage storage;
  storage.chunkShape = {BOMB_BYTES};
  storage.filters.push_back(Filter{1, 0, "deflate", {6}});
  GatherContext context;
  const DescriptorReader reader(file, packed.size());
  context.file = &reader;
  context.elementBytes = 1;
  const Bytes fillElement(1);
  const Shape shape{BOMB_BYTES};
  context.fillElement = fillElement;
  context.shape = &shape;
  context.decoding = &budget;
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
  const auto before = peakResidentBytes();
  std::vector<std::thread> threads;
  std::atomic<unsigned> done = 0;
  for (unsigned i = 0; i < THREADS; ++i) {
    threads.emplace_back([&] {
      Bytes result(1);
      Region first{{RegionAxis{0, 1, 1}}};
      const ChunkExtent extent{0, packed.size(), 0};
      gatherChunks(context, storage, ChunkBox{{0}, {1}}, std::span(&extent, 1), first, result);
      ++done;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(done == THREADS);
  close(file);
  return peakResidentBytes() - before;
}

}  // namespace

TEST_CASE("bombs in many threads take the memory of the budget, and without one that of all threads") {
  DecodeBudget narrow(2 * BOMB_BYTES + (1 << 20));
  const auto bounded = growth(narrow);
  CHECK(narrow.peak() <= 2 * BOMB_BYTES + (1 << 20));
  DecodeBudget wide(100 * BOMB_BYTES);  // negative control
  growth(wide);
  CHECK(wide.peak() > narrow.peak());
  MESSAGE(bounded, " bytes of resident memory, budget ", 2 * BOMB_BYTES);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what was freed
  CHECK(bounded < 3 * BOMB_BYTES);
#endif
}

TEST_CASE("what is larger than the budget goes alone, and who finds no room in time is told") {
  DecodeBudget budget(100, std::chrono::milliseconds(50));
  {
    auto all = budget.take(1000);
    CHECK_THROWS_AS(budget.take(1), Busy);
    CHECK_THROWS_AS(budget.take(2000), Busy);
  }
  auto some = budget.take(60);
  CHECK_THROWS_AS(budget.take(1000), Busy);
  CHECK_THROWS_AS(budget.take(41), Busy);
  auto more = budget.take(40);
  CHECK(budget.peak() == 1000);
}
