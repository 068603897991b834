// Copies of elements between chunks and results.  Bytes per second are bytes copied.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "core/pack.h"
#include "h5cap/node.h"

namespace {

using h5cap::Bytes;
using h5cap::Positions;
using h5cap::Shape;

constexpr std::uint64_t SIDE = 512;

Positions positions(std::uint64_t start, std::uint64_t step, std::uint64_t count) {
  Positions result;
  result.start = start;
  result.step = step;
  result.count = count;
  return result;
}

// A square of `count` pixels a side, every `step` in both axes, out of one frame into a result of its own size.
void copySquare(benchmark::State& state, std::uint64_t count, std::uint64_t step) {
  const Bytes frame(SIDE * SIDE * 2, std::byte{1});
  Bytes result(count * count * 2);
  const std::vector<Positions> source = {positions(0, step, count), positions(0, step, count)};
  const std::vector<Positions> target = {positions(0, 1, count), positions(0, 1, count)};
  for (auto _ : state) {
    h5cap::copyElements(frame, Shape{SIDE, SIDE}, source, result, Shape{count, count}, target, 2);
    benchmark::DoNotOptimize(result.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * result.size()));
}

void BM_copy_64x64(benchmark::State& state) { copySquare(state, 64, 1); }
BENCHMARK(BM_copy_64x64);

void BM_copy_whole_frame(benchmark::State& state) { copySquare(state, SIDE, 1); }
BENCHMARK(BM_copy_whole_frame);

void BM_copy_every_8th(benchmark::State& state) { copySquare(state, SIDE / 8, 8); }
BENCHMARK(BM_copy_every_8th);

void BM_fill_frame(benchmark::State& state) {
  Bytes frame(SIDE * SIDE * 2);
  const Bytes element = {std::byte{1}, std::byte{2}};
  for (auto _ : state) {
    h5cap::fillElements(element, frame);
    benchmark::DoNotOptimize(frame.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * frame.size()));
}
BENCHMARK(BM_fill_frame);

}  // namespace
