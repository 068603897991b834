// Random plans beside a naive model: datasets in every layout, virtual ones over them and over each other, converted
// and overlapping, regions and single elements of them, planned by the pure functions of core/plan and carried out from
// files in memory.  Does not cover how sources are found, or what libhdf5 answers (tests/cpp/objects,
// tests/conformance).
#include "server/executor/carry-out.h"

#include <doctest/doctest.h>

#include <cstring>
#include <map>

#include "core/plan/cover.h"
#include "core/plan/cut.h"
#include "core/plan/stored-plan.h"
#include "core/plan/virtual-plan.h"
#include "h5cap/error.h"
#include "tests/cpp/core/random.h"

using namespace h5cap;

namespace {

class BytesReader final : public FileReader {
 public:
  explicit BytesReader(const Bytes& bytes) : bytes_(bytes) {}
  void read(std::uint64_t offset, std::span<std::byte> target) const override {
    if (offset > bytes_.size() || target.size() > bytes_.size() - offset) throw FileError("beyond the end");
    std::memcpy(target.data(), bytes_.data() + offset, target.size());
    ++reads;
  }
  std::uint64_t size() const override { return bytes_.size(); }

  mutable std::size_t reads = 0;

 private:
  const Bytes& bytes_;
};

DataType integer(std::uint32_t bytes) {
  return DataType(bytes, IntegerType{true, ByteOrder::little, static_cast<std::uint16_t>(8 * bytes), 0});
}

void write(Bytes& bytes, std::size_t offset, std::int64_t value, std::size_t size) {
  std::memcpy(bytes.data() + offset, &value, size);
}

// A dataset, and the values that its elements have: one after the other in C order.
struct Model {
  NodeInfo node;
  std::shared_ptr<const Storage> storage;
  std::vector<std::int64_t> values;
  std::vector<std::size_t> sources;  // of each mapping of a virtual one
  Extents extents;                   // of all chunks of a chunked one
  Shape grid;

  const Shape& shape() const { return node.dataset->space.shape; }
};

// A file with datasets, of which later ones map earlier ones.
class World {
 public:
  explicit World(Random& random) : random_(random) {
    for (int i = 0; i < 4; ++i) models_.push_back(stored());
    for (int i = 0; i < 5; ++i) models_.push_back(mapped());
  }

  const std::vector<Model>& models() const { return models_; }
  const Bytes& bytes() const { return bytes_; }

  // What Planning of the server does, at once.
  std::shared_ptr<const ArrayPlan> plan(std::size_t number, const Wanted& wanted, ReadPlan& whole) const {
    const Model& model = models_[number];
    auto planned = plannedDataset(0, model.node, model.shape(), model.storage);
    auto made = [](ArrayPlan plan) { return std::make_shared<const ArrayPlan>(std::move(plan)); };
    switch (roadOf(*planned)) {
      case Road::fill:
        return made(planFill(*planned, wanted));
      case Road::onePiece:
        return made(planOnePiece(planned, wanted));
      case Road::chunks: {
        auto question = chunksOf(*planned, wanted);
        auto answer = std::make_shared<Extents>();
        for (std::uint64_t chunk : chunkNumbers(model, question)) answer->push_back(model.extents[chunk]);
        return made(planChunks(planned, wanted, std::move(question), std::move(answer)));
      }
      case Road::sources:
        break;
      default:
        FAIL("a road that no model takes");
    }
    if (auto* region = std::get_if<Region>(&wanted)) return planRegion(number, planned, *region, whole);
    ArrayPlan array = planFill(*planned, wanted);
    std::uint64_t done = 0;
    for (auto& covered : covering(wanted))
      done += addCovered(array, planRegion(number, planned, covered.region, whole), covered.places, done);
    return made(std::move(array));
  }

 private:
  std::shared_ptr<const ArrayPlan> planRegion(std::size_t number, std::shared_ptr<const PlannedDataset> planned,
                                              const Region& region, ReadPlan& whole) const {
    const Model& model = models_[number];
    const auto& mappings = std::get<VirtualStorage>(*model.storage).sources;
    auto array = std::make_shared<ArrayPlan>(planFill(*planned, region));
    for (const auto& mapping : mappingsMeeting(mappings, MappingIndex(mappings), model.shape(), nullptr, region)) {
      const std::size_t source = std::stoul(mapping.dataset);
      for (auto& part : project(mapping, model.shape(), models_[source].shape(), region))
        addArray(*array, plan(source, part.source, whole), std::move(part.place));
    }
    return array;
  }

  static std::vector<std::uint64_t> chunkNumbers(const Model& model, const ChunkQuestion& question) {
    if (question.elements != nullptr) return question.elements->chunks;
    AlongAxes box;
    for (std::size_t k = 0; k < model.grid.size(); ++k)
      box.push_back(regular(question.box.first[k], 1, question.box.count[k]));
    return elementsOf(box, model.grid);
  }

  Model described(const Shape& shape) {
    Model model;
    model.node.id = models_.size();
    model.node.dataset.emplace();
    model.node.dataset->type = integer(random_.chance(50) ? 4 : 8);
    model.node.dataset->space.shape = shape;
    if (random_.chance(70)) {
      model.node.dataset->fillValue.resize(model.node.dataset->type.size());
      write(model.node.dataset->fillValue, 0, -7, model.node.dataset->type.size());
    }
    model.values.assign(elementCount(shape), fillOf(model));
    return model;
  }

  static std::int64_t fillOf(const Model& model) { return model.node.dataset->fillValue.empty() ? 0 : -7; }

  Shape shape() {
    Shape shape;
    for (auto k = random_.between(1, 3); k > 0; --k) shape.push_back(static_cast<std::uint64_t>(random_.between(1, 9)));
    return shape;
  }

  Model stored() {
    Model model = described(shape());
    const std::size_t size = model.node.dataset->type.size();
    auto pack = [&](const std::vector<std::int64_t>& values) {
      const auto address = bytes_.size();
      bytes_.resize(address + values.size() * size);
      for (std::size_t i = 0; i < values.size(); ++i) write(bytes_, address + i * size, values[i], size);
      return address;
    };
    auto next = [&] { return ++lastValue_; };
    switch (random_.between(0, 3)) {
      case 0:
        model.storage = std::make_shared<Storage>(Unallocated{});
        return model;
      case 1:
        for (auto& value : model.values) value = next();
        model.storage = std::make_shared<Storage>(ContiguousStorage{pack(model.values), model.values.size() * size});
        return model;
      case 2: {
        for (auto& value : model.values) value = next();
        Bytes bytes(model.values.size() * size);
        for (std::size_t i = 0; i < model.values.size(); ++i) write(bytes, i * size, model.values[i], size);
        model.storage = std::make_shared<Storage>(InlineBytes{std::move(bytes)});
        return model;
      }
    }
    ChunkedStorage chunked;
    for (auto extent : model.shape()) {
      chunked.chunkShape.push_back(static_cast<std::uint64_t>(random_.between(1, static_cast<std::int64_t>(extent))));
      model.grid.push_back((extent + chunked.chunkShape.back() - 1) / chunked.chunkShape.back());
    }
    for (const auto& chunk : coordinatesOf(model.grid)) {
      if (random_.chance(25)) {
        model.extents.push_back({});
        continue;
      }
      std::vector<std::int64_t> values;
      for (const auto& inside : coordinatesOf(chunked.chunkShape)) {
        Shape at;
        bool isWithin = true;
        for (std::size_t k = 0; k < chunk.size(); ++k) {
          at.push_back(chunk[k] * chunked.chunkShape[k] + inside[k]);
          isWithin = isWithin && at[k] < model.shape()[k];
        }
        values.push_back(next());
        if (isWithin) model.values[offsetOf(at, model.shape())] = values.back();
      }
      model.extents.push_back({pack(values), values.size() * size, 0});
    }
    model.storage = std::make_shared<Storage>(std::move(chunked));
    return model;
  }

  // Each mapping takes some elements of a source in their order, and puts them somewhere in their order.
  Model mapped() {
    Model model = described(shape());
    model.node.dataset->layout = Layout::virtualMapping;
    VirtualStorage storage;
    for (auto n = random_.between(1, 4); n > 0; --n) {
      const auto source = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(models_.size()) - 1));
      const Shape& from = models_[source].shape();
      VirtualSource mapping{".", std::to_string(source), slab(model.shape()), slab(from), false};
      auto targets = elementsOf(positionsOf(mapping.virtualSelection), model.shape());
      auto origins = elementsOf(positionsOf(mapping.sourceSelection), from);
      if (targets.size() != origins.size()) {  // a run of as many along the last axis, or one element
        const auto last = std::min(model.shape().back(), from.back());
        mapping.virtualSelection = corner(model.shape(), last);
        mapping.sourceSelection = corner(from, last);
        targets = elementsOf(positionsOf(mapping.virtualSelection), model.shape());
        origins = elementsOf(positionsOf(mapping.sourceSelection), from);
      }
      for (std::size_t i = 0; i < targets.size(); ++i) model.values[targets[i]] = models_[source].values[origins[i]];
      storage.sources.push_back(std::move(mapping));
    }
    model.storage = std::make_shared<Storage>(std::move(storage));
    return model;
  }

  Hyperslab slab(const Shape& shape) {
    Hyperslab slab{Hyperslab::Kind::regular, {}, {}, shape};
    for (auto extent : shape) {
      auto axis = random_.positions(extent);
      if (random_.chance(50)) axis = Positions{0, 1, extent, {}, false};
      if (!axis.indices.empty()) axis = Positions{axis.indices[0], 1, 1, {}, false};
      slab.dimensions.push_back({axis.start, axis.step, axis.count, 1});
    }
    return slab;
  }

  Hyperslab corner(const Shape& shape, std::uint64_t count) {
    Hyperslab slab{Hyperslab::Kind::regular, {}, {}, shape};
    slab.dimensions.assign(shape.size(), {0, 1, 1, 1});
    slab.dimensions.back().count = count;
    return slab;
  }

  static AlongAxes positionsOf(const Hyperslab& slab) {
    AlongAxes axes;
    for (const auto& axis : slab.dimensions) axes.push_back(Positions{axis.start, axis.stride, axis.count, {}, false});
    return axes;
  }

  Random& random_;
  std::vector<Model> models_;
  Bytes bytes_ = Bytes(100);
  std::int64_t lastValue_ = 0;
};

std::vector<std::int64_t> valuesOf(const Bytes& elements, std::size_t size) {
  std::vector<std::int64_t> values;
  for (std::size_t at = 0; at < elements.size(); at += size) {
    std::int64_t value = 0;
    std::memcpy(&value, elements.data() + at, size);
    values.push_back(size == 4 ? static_cast<std::int32_t>(value) : value);
  }
  return values;
}

std::vector<std::int64_t> carriedOut(const ReadPlan& plan, const FileReader& reader) {
  Supplies supplies;
  supplies.files.push_back({std::shared_ptr<const FileReader>(&reader, [](auto*) {}), "v", nullptr, "a.h5"});
  Bytes elements(elementCount(plan.array->counts) * plan.array->elementBytes(), std::byte{0x55});
  Heap heap;
  ChunkCache::Waiting waiting;
  carryOut(plan, supplies, waiting, elements, heap);
  CHECK(!waiting.isMissing());
  CHECK(heap.bytes().empty());
  return valuesOf(elements, plan.array->elementBytes());
}

}  // namespace

TEST_CASE("random plans give what looking up element by element gives") {
  Random random(20'261'126);
  std::size_t nested = 0, converted = 0, picked = 0, several = 0;
  for (int trial = 0; trial < 400; ++trial) {
    World world(random);
    BytesReader reader(world.bytes());
    for (std::size_t number = 0; number < world.models().size(); ++number) {
      const Model& model = world.models()[number];
      const Region region = random.region(model.shape());
      Wanted wanted = region;
      const auto offsets = elementsOf(region.axes, model.shape());
      if (random.chance(40)) {
        PointList points{{}, model.shape().size()};
        for (auto offset : offsets) {
          const Shape at = coordinatesOf(model.shape())[offset];
          points.coordinates.insert(points.coordinates.end(), at.begin(), at.end());
        }
        wanted = points;
      }
      std::vector<std::int64_t> expected;
      for (auto offset : offsets) expected.push_back(model.values[offset]);

      ReadPlan plan;
      plan.versions.emplace_back();
      plan.array = world.plan(number, wanted, plan);
      CAPTURE(trial);
      CAPTURE(number);
      REQUIRE(carriedOut(plan, reader) == expected);
      for (const Piece& piece : plan.array->pieces) {
        nested += std::holds_alternative<FromArray>(piece.from);
        converted += piece.convertedFrom.has_value();
        if (auto* other = std::get_if<FromArray>(&piece.from)) picked += other->picked.has_value();
      }
      several += plan.array->pieces.size() > 1;
    }
  }
  CHECK(nested > 100);
  CHECK(converted > 100);
  CHECK(picked > 100);
  CHECK(several > 100);
}

TEST_CASE("bytes of one element are those of the element made whole") {
  Random random(20'261'127);
  std::size_t read = 0, filled = 0, nested = 0;
  for (int trial = 0; trial < 400; ++trial) {
    World world(random);
    BytesReader reader(world.bytes());
    for (std::size_t number = 0; number < world.models().size(); ++number) {
      const Model& model = world.models()[number];
      const auto all = coordinatesOf(model.shape());
      const Shape at = all[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(all.size()) - 1))];
      Region region;
      for (auto index : at) region.axes.push_back({index, 1, 1, {}, random.chance(50)});
      Wanted wanted = region;
      if (random.chance(40)) wanted = PointList{at, at.size()};
      ReadPlan plan;
      plan.versions.emplace_back();
      plan.array = world.plan(number, wanted, plan);
      const ElementOrigin origin = originOf(*plan.array);
      if (origin.isConverted) continue;
      const std::size_t size = plan.array->elementBytes();
      Bytes whole(size);
      write(whole, 0, model.values[offsetOf(at, model.shape())], size);
      for (int part = 0; part < 4; ++part) {
        std::vector<ByteRange> ranges;
        Bytes expected;
        for (auto n = random.between(1, 3); n > 0; --n) {
          const auto first = static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(size) - 1));
          const auto count = static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(size - first)));
          ranges.push_back({first, count});
          expected.insert(expected.end(), whole.begin() + static_cast<std::ptrdiff_t>(first),
                          whole.begin() + static_cast<std::ptrdiff_t>(first + count));
        }
        Supplies supplies;
        supplies.files.push_back({std::shared_ptr<const FileReader>(&reader, [](auto*) {}), "v", nullptr, "a.h5"});
        Bytes target(expected.size(), std::byte{0x55});
        ChunkCache::Waiting waiting;
        CAPTURE(trial);
        CAPTURE(number);
        carryOutPart(plan, supplies, waiting, origin, {ranges, target});
        REQUIRE(target == expected);
        // The control: a part that is not of the element.
        ranges.back().first = size + 1;
        if (origin.piece != nullptr)
          CHECK_THROWS_AS(carryOutPart(plan, supplies, waiting, origin, {ranges, target}), Failed);
      }
      ++(origin.piece != nullptr ? read : filled);
      nested += origin.array != plan.array.get();
    }
  }
  CHECK(read > 100);
  CHECK(filled > 100);
  CHECK(nested > 100);
}

TEST_CASE("a reply is cut into parts that follow each other and are the whole") {
  Random random(5);
  for (int trial = 0; trial < 500; ++trial) {
    Shape shape;
    for (int axis = 0; axis < 2; ++axis) shape.push_back(static_cast<std::uint64_t>(random.between(1, 9)));
    Selection selection = asSelection(random.region(shape));
    const Resolved resolved(selection, shape);
    std::uint64_t done = 0;
    std::vector<std::uint64_t> all;
    while (done < resolved.elementCount()) {
      Cut cut = cutFrom(resolved, done, static_cast<std::uint64_t>(random.between(1, 12)));
      CHECK(cut.first == done);
      CHECK(cut.count == countOf(cut.wanted));
      for (auto offset : elementsOf(std::get<Region>(cut.wanted).axes, shape)) all.push_back(offset);
      done += cut.count;
    }
    CHECK(all == elementsOf(resolved.region()->axes, shape));
  }
}

TEST_CASE("what several pieces map of one array is made once") {
  Random random(1);
  Bytes bytes(8 * 16);
  for (std::size_t i = 0; i < 16; ++i) write(bytes, i * 8, static_cast<std::int64_t>(i), 8);
  NodeInfo node;
  node.dataset.emplace();
  node.dataset->type = integer(8);
  node.dataset->space.shape = {16};
  auto planned = plannedDataset(0, node, {16}, std::make_shared<Storage>(ContiguousStorage{0, 128}));
  const Region all = resolve({}, {16});
  // Ten levels, each of which maps the one below four times: a million ways down.
  std::shared_ptr<const ArrayPlan> array = std::make_shared<const ArrayPlan>(planOnePiece(planned, all));
  for (int level = 0; level < 10; ++level) {
    auto next = std::make_shared<ArrayPlan>(planFill(*planned, all));
    for (int i = 0; i < 4; ++i) addArray(*next, array, AlongAxes{Positions{0, 1, 16, {}, false}});
    array = std::move(next);
  }
  ReadPlan plan;
  plan.versions.emplace_back();
  plan.array = array;
  BytesReader reader(bytes);
  CHECK(carriedOut(plan, reader) == valuesOf(bytes, 8));
  CHECK(reader.reads == 4);
}

TEST_CASE("a plan that contradicts itself is refused, whatever it says") {
  NodeInfo node;
  node.dataset.emplace();
  node.dataset->type = integer(8);
  node.dataset->space.shape = {16};
  Bytes bytes(128);
  BytesReader reader(bytes);
  auto planned = plannedDataset(0, node, {16}, std::make_shared<Storage>(ContiguousStorage{0, 128}));
  auto outcome = [&](auto change) {
    auto array = std::make_shared<ArrayPlan>(planOnePiece(planned, resolve({}, {16})));
    change(*array);
    ReadPlan plan;
    plan.versions.emplace_back();
    plan.array = array;
    carriedOut(plan, reader);
  };
  CHECK_NOTHROW(outcome([](ArrayPlan&) {}));
  CHECK_THROWS_AS(outcome([](ArrayPlan& plan) { plan.pieces[0].place = std::vector<Stretch>{{8, 16}}; }), Failed);
  CHECK_THROWS_AS(outcome([](ArrayPlan& plan) { plan.pieces[0].place = std::vector<Stretch>{{0, 8}, {20, 8}}; }),
                  Failed);
  CHECK_THROWS_AS(outcome([](ArrayPlan& plan) { plan.pieces[0].count = 5; }), Failed);
  CHECK_THROWS_AS(outcome([](ArrayPlan& plan) { plan.pieces[0].from = FromLibrary{3}; }), std::exception);
  CHECK_THROWS_AS(outcome([](ArrayPlan& plan) { plan.pieces[0].place = AlongAxes{Positions{9, 1, 16, {}, false}}; }),
                  Failed);
}
