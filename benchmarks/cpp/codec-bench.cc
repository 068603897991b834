// Decoders of stored chunks, one frame (512 x 512 pixels of 16 bits) at a time, on one thread.  Bytes per second are
// decoded bytes.  `plain` is what a build without libblosc2 does.
#include <benchmark/benchmark.h>
#include <lz4.h>
#include <zlib.h>

#include <cstdint>
#include <random>

#include "core/codec/codec.h"
#include "core/codec/stages.h"

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

using Unshuffle = void(std::span<const std::byte>, std::span<std::byte>, std::size_t);

void unshuffleWith(benchmark::State& state, Unshuffle* unshuffle) {
  const Bytes stored = frame();
  Bytes target(stored.size());
  for (auto _ : state) {
    unshuffle(stored, target, static_cast<std::size_t>(state.range(0)));
    benchmark::DoNotOptimize(target.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * FRAME_BYTES));
}

void BM_unshuffle(benchmark::State& state) { unshuffleWith(state, h5cap::codec::unshuffle); }
BENCHMARK(BM_unshuffle)->Arg(2)->Arg(4)->Arg(8)->Arg(12)->Arg(16);
void BM_unshuffle_plain(benchmark::State& state) { unshuffleWith(state, h5cap::codec::plain::unshuffle); }
BENCHMARK(BM_unshuffle_plain)->Arg(2)->Arg(4)->Arg(8)->Arg(12)->Arg(16);

using UnshuffleBits = void(const std::byte*, std::byte*, std::size_t, std::size_t);
constexpr std::size_t BLOCK_BYTES = 8192;  // Bitshuffle's own

void unshuffleBitsWith(benchmark::State& state, UnshuffleBits* unshuffle) {
  const Bytes stored = frame();
  Bytes target(stored.size());
  const auto elementBytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    for (std::size_t at = 0; at < FRAME_BYTES; at += BLOCK_BYTES)
      unshuffle(stored.data() + at, target.data() + at, BLOCK_BYTES / elementBytes, elementBytes);
    benchmark::DoNotOptimize(target.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * FRAME_BYTES));
}

void BM_unshuffleBits(benchmark::State& state) { unshuffleBitsWith(state, h5cap::codec::unshuffleBits); }
BENCHMARK(BM_unshuffleBits)->Arg(2)->Arg(4)->Arg(8);
void BM_unshuffleBits_plain(benchmark::State& state) { unshuffleBitsWith(state, h5cap::codec::plain::unshuffleBits); }
BENCHMARK(BM_unshuffleBits_plain)->Arg(2)->Arg(4)->Arg(8);

void putBigEndian(Bytes& to, std::uint64_t value, int bytes) {
  while (bytes-- > 0) to.push_back(static_cast<std::byte>(value >> 8 * bytes & 0xff));
}

// Filter 32008 with LZ4, as detectors write it.  What the bits mean does not matter for time; that most are zero does.
void BM_bitshuffle_lz4(benchmark::State& state) {
  const Bytes bits = frame();
  Bytes stored;
  putBigEndian(stored, FRAME_BYTES, 8);
  putBigEndian(stored, BLOCK_BYTES, 4);
  for (std::size_t at = 0; at < FRAME_BYTES; at += BLOCK_BYTES) {
    std::vector<char> block(LZ4_COMPRESSBOUND(BLOCK_BYTES));
    const int size = LZ4_compress_default(reinterpret_cast<const char*>(bits.data() + at), block.data(), BLOCK_BYTES,
                                          static_cast<int>(block.size()));
    putBigEndian(stored, static_cast<std::uint64_t>(size), 4);
    for (int i = 0; i < size; ++i) stored.push_back(static_cast<std::byte>(block[static_cast<std::size_t>(i)]));
  }
  run(state, {filterOf(h5cap::codec::filter::bitshuffle, {0, 4, 2, 0, 2})}, stored);
}
BENCHMARK(BM_bitshuffle_lz4);

}  // namespace
