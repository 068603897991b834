// Covers: gathering from contiguous, inline and chunked storage against a naive model, over random shapes, regions,
// chunk shapes and filters; hostile extents; how much is read.  Seeded.  Decoders have their own tests in
// tests/cpp/core.
#include "server/executor/gather.h"

#include <doctest/doctest.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "h5cap/error.h"

using namespace h5cap;

namespace {

std::mt19937 generator(20'250'101);

std::uint64_t between(std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(generator);
}

class File {
 public:
  File() : descriptor_(memfd_create("data", MFD_CLOEXEC)) { append(Bytes(between(0, 100))); }
  ~File() { close(descriptor_); }

  std::uint64_t append(const Bytes& bytes) {
    std::uint64_t address = size_;
    REQUIRE(pwrite(descriptor_, bytes.data(), bytes.size(), address) == static_cast<ssize_t>(bytes.size()));
    size_ += bytes.size();
    return address;
  }
  const FileReader& reader() const { return *(reader_ = std::make_unique<DescriptorReader>(descriptor_, size_)); }
  std::uint64_t size() const { return size_; }

 private:
  int descriptor_;
  mutable std::unique_ptr<DescriptorReader> reader_;
  std::uint64_t size_ = 0;
};

Bytes randomBytes(std::size_t count) {
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::byte>(between(0, 255));
  return bytes;
}

RegionAxis randomAxis(std::uint64_t extent) {
  RegionAxis axis;
  switch (between(0, 4)) {
    case 0:
      axis.count = extent;
      break;
    case 1:
      axis.start = between(0, extent - 1);
      axis.count = 1;
      axis.dropped = true;
      break;
    case 2:
      axis.count = between(0, 6);
      for (std::uint64_t i = 0; i < axis.count; ++i) axis.indices.push_back(between(0, extent - 1));
      break;
    default:
      axis.start = between(0, extent - 1);
      axis.step = between(1, 4);
      axis.count = between(1, (extent - 1 - axis.start) / axis.step + 1);
  }
  return axis;
}

// A dataset in memory, whose elements a test stores in one way or another.
struct Model {
  Shape shape;
  std::size_t elementBytes;
  Bytes values;
  mutable Bytes fillElement = {};
  mutable ChunkCache::Waiting waiting = {};

  static Model random() {
    Model model;
    std::size_t rank = between(0, 4);
    for (std::size_t a = 0; a < rank; ++a) model.shape.push_back(between(1, rank == 1 ? 3000 : rank == 2 ? 90 : 12));
    model.elementBytes = std::vector<std::size_t>{1, 2, 3, 4, 8, 16, 700}[between(0, 6)];
    model.values = randomBytes(elementCount(model.shape) * model.elementBytes);
    return model;
  }

  Region randomRegion() const {
    Region region;
    for (std::uint64_t extent : shape) region.axes.push_back(randomAxis(extent));
    return region;
  }

  // Element by element.
  Bytes select(const Region& region) const {
    Bytes result;
    Shape counts = region.counts(), at(shape.size(), 0);
    std::uint64_t total = elementCount(counts);
    for (std::uint64_t n = 0; n < total; ++n) {
      std::uint64_t rest = n, element = 0, stride = 1;
      for (std::size_t a = shape.size(); a-- > 0;) {
        element += region.axes[a].at(rest % counts[a]) * stride;
        rest /= counts[a];
        stride *= shape[a];
      }
      auto from = values.begin() + element * elementBytes;
      result.insert(result.end(), from, from + elementBytes);
    }
    return result;
  }

  GatherContext context(const File& file, ChunkCache* cache = nullptr) const {
    GatherContext context;
    context.file = &file.reader();
    context.version = "v";
    context.cache = cache;
    context.waiting = &waiting;
    context.elementBytes = elementBytes;
    fillElement.assign(elementBytes, std::byte{0xfe});
    context.fillElement = fillElement;
    context.shape = &shape;
    return context;
  }

  Bytes resultFor(const Region& region) const { return Bytes(region.elementCount() * elementBytes, std::byte{0x55}); }
};

Bytes deflated(const Bytes& bytes) {
  auto* compressor = libdeflate_alloc_compressor(1);
  Bytes result(libdeflate_zlib_compress_bound(compressor, bytes.size()));
  result.resize(libdeflate_zlib_compress(compressor, bytes.data(), bytes.size(), result.data(), result.size()));
  libdeflate_free_compressor(compressor);
  return result;
}

// A model stored in chunks: some filtered, some with the filter masked out, some never written (and then fill in the
// model).
struct ChunkedModel {
  Model model = Model::random();
  File file;
  ChunkedStorage storage;
  std::vector<ChunkExtent> extents;  // of all chunks
  Shape grid;

  ChunkedModel() {
    if (model.shape.empty()) model = Model{{5}, 2, randomBytes(10)};
    for (std::uint64_t extent : model.shape) {
      storage.chunkShape.push_back(between(std::max<std::uint64_t>(extent / 5, 1), extent + 3));
      grid.push_back((extent + storage.chunkShape.back() - 1) / storage.chunkShape.back());
    }
    if (between(0, 2) > 0) storage.filters.push_back({1, 0, "deflate", {1}});
    storage.partialChunksUnfiltered = between(0, 1) == 1;
    Shape chunk(grid.size(), 0);
    for (std::uint64_t n = 0; n < elementCount(grid); ++n) {
      std::uint64_t rest = n;
      for (std::size_t a = grid.size(); a-- > 0; rest /= grid[a]) chunk[a] = rest % grid[a];
      extents.push_back(store(chunk));
    }
  }

  ChunkExtent store(const Shape& chunk) {
    Bytes bytes = randomBytes(elementCount(storage.chunkShape) * model.elementBytes);
    bool neverWritten = between(0, 4) == 0, masked = between(0, 4) == 0, partial = false;
    for (std::uint64_t n = 0; n < elementCount(storage.chunkShape); ++n) {
      std::uint64_t rest = n, element = 0, stride = 1;
      bool outside = false;
      for (std::size_t a = chunk.size(); a-- > 0;) {
        std::uint64_t at = chunk[a] * storage.chunkShape[a] + rest % storage.chunkShape[a];
        rest /= storage.chunkShape[a];
        outside = outside || at >= model.shape[a];
        element += at * stride;
        stride *= model.shape[a];
      }
      partial = partial || outside;
      if (outside) continue;
      std::byte* value = model.values.data() + element * model.elementBytes;
      if (neverWritten) std::memset(value, 0xfe, model.elementBytes);
      std::memcpy(bytes.data() + n * model.elementBytes, value, model.elementBytes);
    }
    if (neverWritten) return {};
    ChunkExtent extent;
    bool raw = storage.filters.empty() || masked || (partial && storage.partialChunksUnfiltered);
    if (masked) extent.filterMask = 1;
    Bytes stored = raw ? bytes : deflated(bytes);
    extent.address = file.append(stored);
    extent.size = stored.size();
    return extent;
  }

  std::vector<ChunkExtent> extentsIn(const ChunkBox& box) const {
    std::vector<ChunkExtent> result;
    for (std::uint64_t n = 0; n < elementCount(box.count); ++n) {
      std::uint64_t rest = n, index = 0, stride = 1;
      for (std::size_t a = grid.size(); a-- > 0;) {
        index += (box.first[a] + rest % box.count[a]) * stride;
        rest /= box.count[a];
        stride *= grid[a];
      }
      result.push_back(extents[index]);
    }
    return result;
  }
};

ErrorCode codeOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::disconnected;  // stands for "no error"
}

}  // namespace

TEST_CASE("contiguous and inline data equal the model") {
  for (int trial = 0; trial < 1500; ++trial) {
    CAPTURE(trial);
    Model model = Model::random();
    File file;
    Bytes before = model.values;
    std::uint64_t address = file.append(model.values), allocated = model.values.size();
    if (between(0, 3) == 0) {  // allocated only in part
      allocated = between(0, model.values.size());
      std::uint64_t whole = allocated - allocated % model.elementBytes;
      std::memset(model.values.data() + whole, 0xfe, model.values.size() - whole);
    }
    Region region = model.randomRegion();
    Bytes expected = model.select(region), result = model.resultFor(region);
    gatherContiguous(model.context(file), {address, allocated}, region, result);
    REQUIRE(result == expected);
    std::fill(result.begin(), result.end(), std::byte{0x55});
    gatherInline(model.context(file), {model.values}, region, result);
    REQUIRE(result == expected);
  }
}

TEST_CASE("negative control: the model tells a read that is one byte off") {
  int caught = 0;
  for (int trial = 0; trial < 50; ++trial) {
    Model model = Model::random();
    File file;
    std::uint64_t address = file.append(model.values);
    file.append(Bytes(1));
    Region region = model.randomRegion();
    if (region.elementCount() < 8) continue;
    Bytes result = model.resultFor(region);
    gatherContiguous(model.context(file), {address + 1, model.values.size()}, region, result);
    REQUIRE(result != model.select(region));
    ++caught;
  }
  CHECK(caught > 10);
}

TEST_CASE("chunked data equal the model, with and without a cache") {
  for (int trial = 0; trial < 600; ++trial) {
    CAPTURE(trial);
    ChunkedModel chunked;
    const SharedCache memory(between(0, 1) ? 1 << 20 : 5000);
    ChunkCache cache(memory);
    for (int k = 0; k < 3; ++k) {
      Region region = chunked.model.randomRegion();
      Bytes expected = chunked.model.select(region), result = chunked.model.resultFor(region);
      ChunkBox box = chunkBox(region, chunked.storage.chunkShape);
      auto extents = chunked.extentsIn(box);
      gatherChunks(chunked.model.context(chunked.file, k == 2 ? nullptr : &cache), chunked.storage, box, extents,
                   region, result);
      REQUIRE(result == expected);
    }
  }
}

TEST_CASE("strides with gaps of every size equal the model") {
  // One axis of 2 MB, so that gaps lie below and above what is read over, and spans exceed the scratch memory.
  Model model{{3, 1'000'000}, 2, randomBytes(6'000'000)};
  File file;
  std::uint64_t address = file.append(model.values);
  for (std::uint64_t step : {1, 2, 700, 2000, 2100, 30'000, 400'000}) {
    for (std::uint64_t first : {0, 17}) {
      CAPTURE(step);
      Region region{{{0, 1, 3, {}, false}, {first, step, (1'000'000 - first - 1) / step + 1, {}, false}}};
      Bytes result = model.resultFor(region);
      gatherContiguous(model.context(file), {address, 6'000'000}, region, result);
      REQUIRE(result == model.select(region));
    }
  }
}

TEST_CASE("hostile extents and sizes are errors") {
  Model model{{10, 10}, 4, randomBytes(400)};
  File file;
  std::uint64_t address = file.append(model.values);
  Region all{{{0, 1, 10, {}, false}, {0, 1, 10, {}, false}}};
  Bytes result = model.resultFor(all);
  auto contiguous = [&](std::uint64_t at, std::uint64_t size) {
    return codeOf([&] { gatherContiguous(model.context(file), {at, size}, all, result); });
  };
  CHECK(contiguous(address, 400) == ErrorCode::disconnected);
  for (std::uint64_t at : Shape{address + 1, file.size(), ~0ull, ~0ull - 399, 1ull << 63}) {
    CAPTURE(at);
    CHECK(contiguous(at, 400) == ErrorCode::fileProblem);
  }
  auto chunk = [&](ChunkExtent extent, std::vector<Filter> filters, Shape chunkShape) {
    const SharedCache memory(1000);
  ChunkCache cache(memory);
    ChunkedStorage storage{chunkShape, filters, false};
    return codeOf([&] {
      ChunkBox box = chunkShape.size() == 2 && chunkShape[0] > 0 ? chunkBox(all, chunkShape) : ChunkBox{{0, 0}, {1, 1}};
      gatherChunks(model.context(file, &cache), storage, box, std::vector{extent}, all, result);
    });
  };
  std::vector<Filter> deflate{{1, 0, "deflate", {1}}};
  CHECK(chunk({address, 400, 0}, {}, {10, 10}) == ErrorCode::disconnected);
  CHECK(chunk({address, 399, 0}, {}, {10, 10}) == ErrorCode::fileProblem);
  CHECK(chunk({address + 1, 400, 0}, {}, {10, 10}) == ErrorCode::fileProblem);
  CHECK(chunk({~0ull - 1, 400, 0}, {}, {10, 10}) == ErrorCode::fileProblem);
  CHECK(chunk({address, ~0ull, 0}, deflate, {10, 10}) == ErrorCode::fileProblem);
  CHECK(chunk({address, 400, 0}, deflate, {10, 10}) == ErrorCode::fileProblem);  // not deflated
  CHECK(chunk({address, 400, 0}, {}, {0, 10}) == ErrorCode::fileProblem);
  CHECK(chunk({address, 400, 0}, {}, {10}) == ErrorCode::fileProblem);
  CHECK(chunk({address, 400, 0}, deflate, {1ull << 20, 1ull << 20}) == ErrorCode::tooLarge);
  CHECK(chunk({address, 400, 0}, deflate, {1ull << 40, 1ull << 40}) == ErrorCode::tooLarge);
  CHECK(codeOf([&] { gatherInline(model.context(file), {Bytes(399)}, all, result); }) == ErrorCode::fileProblem);
}

TEST_CASE("a chunk that is stored without filters and longer than its shape is read as far as that goes") {
  Model model{{10, 10}, 4, randomBytes(400)};
  Bytes stored = model.values;
  Bytes more = randomBytes(37);
  stored.insert(stored.end(), more.begin(), more.end());
  File file;
  ChunkExtent extent{file.append(stored), stored.size(), 0};
  for (std::uint64_t step : {1, 3}) {
    Region region{{{0, step, (10 + step - 1) / step, {}, false}, {0, 1, 10, {}, false}}};
    Bytes result = model.resultFor(region);
    ChunkedStorage storage{{10, 10}, {}, false};
    gatherChunks(model.context(file), storage, chunkBox(region, storage.chunkShape), std::vector{extent}, region,
                 result);
    for (std::size_t row = 0; row * step < 10; ++row) {
      CHECK(std::memcmp(result.data() + row * 40, model.values.data() + row * step * 40, 40) == 0);
    }
  }
}

TEST_CASE("one cached chunk that two datasets of different chunk sizes claim is an error, not an overrun") {
  Model small{{10}, 1, randomBytes(10)}, large{{1000}, 1, randomBytes(1000)};
  File file;
  Bytes stored = deflated(small.values);
  ChunkExtent extent{file.append(stored), stored.size(), 0};
  const SharedCache memory(10'000);
  ChunkCache cache(memory);
  auto read = [&](const Model& model) {
    Region all{{{0, 1, model.shape[0], {}, false}}};
    Bytes result = model.resultFor(all);
    ChunkedStorage storage{model.shape, {{1, 0, "deflate", {1}}}, false};
    gatherChunks(model.context(file, &cache), storage, chunkBox(all, model.shape), std::vector{extent}, all, result);
    return result;
  };
  CHECK(read(small) == small.values);
  CHECK(codeOf([&] { read(large); }) == ErrorCode::fileProblem);
}

TEST_CASE("short files and bad descriptors are named errors") {
  File file;
  Bytes target(10);
  CHECK_THROWS_WITH_AS(file.reader().read(file.size(), target),
                       doctest::Contains(("10 bytes at offset " + std::to_string(file.size())).c_str()), FileError);
  CHECK_THROWS_AS(DescriptorReader(-1, 100).read(0, target), FileError);
}
