// Decoders of stored chunks, one frame (512 x 512 pixels of 16 bits) at a time, on one thread.  Bytes per second are
// decoded bytes.
#include <benchmark/benchmark.h>
#include <zlib.h>

#include <cstdint>
#include <random>

#include "core/codec/codec.h"

namespace {

using h5cap::Bytes;
using h5cap::Filter;

constexpr std::size_t PIXELS = 512 * 512;
constexpr std::size_t FRAME_BYTES = PIXELS * sizeof(std::uint16_t);

// Counts as a detector sees them: mostly zeros and ones.
Bytes frame() {
  std::mt19937 random(515);
  std::poisson_distribution<int> counts(0.2);
  Bytes bytes(FRAME_BYTES);
  for (std::size_t i = 0; i < PIXELS; ++i) bytes[2 * i] = static_cast<std::byte>(counts(random));
  return bytes;
}

Bytes shuffled(const Bytes& bytes) {
  Bytes result(bytes.size());
  for (std::size_t i = 0; i < PIXELS; ++i) {
    result[i] = bytes[2 * i];
    result[PIXELS + i] = bytes[2 * i + 1];
  }
  return result;
}

Bytes deflated(const Bytes& bytes) {
  uLongf size = compressBound(bytes.size());
  Bytes result(size);
  compress2(reinterpret_cast<Bytef*>(result.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(),
            1);
  result.resize(size);
  return result;
}

Filter filterOf(std::uint32_t id, std::vector<std::uint32_t> parameters = {}) {
  Filter filter;
  filter.id = id;
  filter.parameters = std::move(parameters);
  return filter;
}

void run(benchmark::State& state, const std::vector<Filter>& filters, const Bytes& stored) {
  for (auto _ : state) {
    auto decoded = h5cap::codec::decode(filters, 0, stored, FRAME_BYTES, sizeof(std::uint16_t));
    benchmark::DoNotOptimize(decoded.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * FRAME_BYTES));
}

void BM_shuffle(benchmark::State& state) {
  run(state, {filterOf(h5cap::codec::filter::shuffle, {2})}, shuffled(frame()));
}
BENCHMARK(BM_shuffle);

void BM_deflate(benchmark::State& state) {
  run(state, {filterOf(h5cap::codec::filter::deflate, {1})}, deflated(frame()));
}
BENCHMARK(BM_deflate);

void BM_shuffle_deflate(benchmark::State& state) {
  run(state, {filterOf(h5cap::codec::filter::shuffle, {2}), filterOf(h5cap::codec::filter::deflate, {1})},
      deflated(shuffled(frame())));
}
BENCHMARK(BM_shuffle_deflate);

}  // namespace
