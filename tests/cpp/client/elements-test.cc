// Masks, points and fields through the client against a fake server, beside a naive model: any number of slices of each
// other at random, in one reply, several replies and several calls; what is wrong is refused before anything is sent.
// Not covered: real files (tests/python and tests/conformance have those).
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "h5cap/client.h"
#include "tests/cpp/core/random.h"
#include "tests/support/fake-server.h"

using namespace h5cap;
using namespace h5cap::test;

namespace {

// Three fields of 1, 4 and 2 bytes: element i has i, 2 i and 3 i (modulo their sizes).
FakeDataset records(std::uint32_t count) {
  FakeDataset dataset;
  auto number = [](std::uint32_t bytes) { return counting({}, bytes).type; };
  CompoundType compound;
  compound.fields = {{"a", 0, number(1)}, {"b", 1, number(4)}, {"c", 5, number(2)}};
  dataset.type = DataType(7, compound);
  dataset.shape = {count};
  dataset.elements.resize(count * 7);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t twice = 2 * i, thrice = 3 * i;
    std::memcpy(&dataset.elements[i * 7], &i, 1);
    std::memcpy(&dataset.elements[i * 7 + 1], &twice, 4);
    std::memcpy(&dataset.elements[i * 7 + 5], &thrice, 2);
  }
  return dataset;
}

std::map<std::string, FakeDataset> sample() {
  return {{"/cube", counting({23, 9, 14}, 4, {5, 4, 6})},
          {"/flat", counting({60, 50}, 4)},
          {"/line", counting({900}, 4, {64})},
          {"/large", counting({3000, 4000}, 1, {100, 500})},
          {"/scalar", counting({}, 4)},
          {"/none", counting({4, 0, 3}, 4)},
          {"/records", records(1000)}};
}

// A view as its shape and the numbers of its elements in the dataset.
struct Model {
  Shape shape;
  std::vector<std::uint64_t> numbers;
};

// Indices of one axis, as NumPy means them.
std::vector<std::uint64_t> listed(const Axis& axis, std::uint64_t extent) {
  auto top = static_cast<std::int64_t>(extent);
  auto fromEnd = [&](std::int64_t i) { return i < 0 ? i + top : i; };
  std::vector<std::uint64_t> out;
  if (std::holds_alternative<All>(axis)) {
    for (std::uint64_t i = 0; i < extent; ++i) out.push_back(i);
  } else if (const auto* index = std::get_if<std::int64_t>(&axis)) {
    out.push_back(static_cast<std::uint64_t>(fromEnd(*index)));
  } else if (const auto* range = std::get_if<Range>(&axis)) {
    auto stop = std::min(fromEnd(range->stop), top);
    for (auto i = std::max<std::int64_t>(fromEnd(range->start), 0); i < stop;
         i += static_cast<std::int64_t>(range->step)) {
      out.push_back(static_cast<std::uint64_t>(i));
    }
  } else if (const auto* list = std::get_if<Indices>(&axis)) {
    for (auto i : list->values) out.push_back(static_cast<std::uint64_t>(fromEnd(i)));
  } else {
    for (std::uint64_t i = 0; i < extent; ++i) {
      if (std::get<BitMask>(axis).test(i)) out.push_back(i);
    }
  }
  return out;
}

// One slice of a model.  `selection` mentions every axis, and has no ellipsis.
Model sliced(const Model& from, const Selection& selection) {
  Model out;
  if (selection.points()) {
    const auto& all = selection.points()->coordinates;
    for (std::size_t at = 0; at < all.size(); at += from.shape.size()) {
      std::uint64_t number = 0;
      for (std::size_t k = 0; k < from.shape.size(); ++k) number = number * from.shape[k] + all[at + k];
      out.numbers.push_back(from.numbers[number]);
    }
    out.shape = {out.numbers.size()};
    return out;
  }
  std::vector<std::uint64_t> places{0};
  for (std::size_t k = 0; k < from.shape.size(); ++k) {
    auto axis = selection.axes().empty() ? Axis(all) : selection.axes()[k];
    auto indices = listed(axis, from.shape[k]);
    std::vector<std::uint64_t> longer;
    for (auto place : places) {
      for (auto i : indices) longer.push_back(place * from.shape[k] + i);
    }
    places = std::move(longer);
    if (!std::holds_alternative<std::int64_t>(axis)) out.shape.push_back(indices.size());
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!selection.mask() || selection.mask()->test(i)) out.numbers.push_back(from.numbers[places[i]]);
  }
  if (selection.mask()) out.shape = {out.numbers.size()};
  return out;
}

BitMask randomMask(Random& random, std::uint64_t size) {
  int percent = std::vector<int>{0, 2, 30, 95, 100}[static_cast<std::size_t>(random.between(0, 4))];
  std::vector<bool> flags;
  for (std::uint64_t i = 0; i < size; ++i) flags.push_back(random.chance(percent));
  return mask(flags);
}

Axis randomAxis(Random& random, std::uint64_t extent) {
  auto top = static_cast<std::int64_t>(extent);
  auto form = random.between(0, 9);
  if (form < 3) return all;
  if (form < 6) return randomMask(random, extent);
  if (form < 8 || extent == 0)
    return Range{random.between(-top, top), random.between(0, top + 2),
                 static_cast<std::uint64_t>(random.between(1, 4))};
  if (form == 8) return random.between(-top, top - 1);
  Indices list;
  for (auto n = random.between(1, 8); n > 0; --n) list.values.push_back(random.between(-top, top - 1));
  return list;
}

Selection randomSelection(Random& random, const Shape& shape) {
  std::vector<Axis> axes;
  for (auto extent : shape) axes.push_back(randomAxis(random, extent));
  auto form = random.between(0, 9);
  if (form < 3) return Selection(axes);
  if (form < 5) return randomMask(random, elementCount(shape));
  if (form < 7) {
    Model whole{shape, std::vector<std::uint64_t>(elementCount(shape))};
    return Selection(axes, randomMask(random, sliced(whole, Selection(axes)).numbers.size()));
  }
  Points some;
  if (shape.empty()) return randomMask(random, 1);
  for (auto n = elementCount(shape) == 0 ? 0 : random.between(0, 200); n > 0; --n) {
    for (auto extent : shape)
      some.coordinates.push_back(static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(extent) - 1)));
  }
  return some;
}

Model wholeOf(const FakeDataset& dataset) {
  Model model{dataset.shape, {}};
  for (std::uint64_t i = 0; i < elementCount(dataset.shape); ++i) model.numbers.push_back(i);
  return model;
}

void checkSame(const Array<std::uint32_t>& found, const Model& expected) {
  REQUIRE(found.shape() == expected.shape);
  REQUIRE(found.size() == expected.numbers.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < expected.numbers.size(); ++i) wrong += found[i] != expected.numbers[i];
  CHECK(wrong == 0);
}

// The class of what a call throws, as a number, so that a wrong one is named by doctest; nothing must have been sent.
template <class E, class F>
void refusedUnsent(Session& session, F&& call) {
  auto before = session.traffic().messagesSent;
  CHECK_THROWS_AS(call(), E);
  if (session.traffic().messagesSent != before) {
    // Once in its life a file asks for a ticket, in the background: not twice.
    before = session.traffic().messagesSent;
    CHECK_THROWS_AS(call(), E);
  }
  CHECK(session.traffic().messagesSent == before);
}

}  // namespace

TEST_CASE("slices of slices of masks, points and axes mean what they mean in a model") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  Random random(41);
  for (int round = 0; round < 1500; ++round) {
    const char* path = std::vector<const char*>{"/cube", "/flat", "/line", "/scalar",
                                                "/none"}[static_cast<std::size_t>(random.between(0, 15) % 5)];
    auto model = wholeOf(server.datasets.at(path));
    auto view = file.dataset(path).view();
    for (auto depth = random.between(1, 3); depth > 0; --depth) {
      auto selection = randomSelection(random, model.shape);
      auto next = sliced(model, selection);
      // The one element of a scalar, more than once: no selection says so.
      if (path == std::string("/scalar") && next.numbers.size() > 1) continue;
      model = std::move(next);
      view = view[selection];
    }
    ReadOptions options;
    options.tileBytes =
        static_cast<std::uint64_t>(std::vector<int>{1 << 20, 1 << 20, 600, 80}[static_cast<std::size_t>(round % 4)]);
    server.maxReplyBytes = round % 3 == 0 ? 100 : 1 << 20;
    CAPTURE(round);
    CAPTURE(std::string(path));
    checkSame(view.read<std::uint32_t>(options), model);
    CHECK(view.shape() == model.shape);
  }
}

TEST_CASE("streams of single elements cover them once, in their places") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  Random random(42);
  ReadOptions options;
  options.tileBytes = 300;
  for (int round = 0; round < 60; ++round) {
    auto selection = randomSelection(random, server.datasets.at("/cube").shape);
    auto model = sliced(wholeOf(server.datasets.at("/cube")), selection);
    if (selection.isOrthogonal()) continue;
    std::vector<std::uint32_t> found(model.numbers.size(), ~0u);
    auto stream = file.dataset("/cube")[selection].tiles(options);
    std::size_t elements = 0;
    while (auto tile = stream.next()) {
      REQUIRE(tile->inResult.size() == 1);
      for (std::uint64_t i = 0; i < tile->shape[0]; ++i) {
        std::memcpy(&found.at(tile->inResult[0].at(i)), &tile->elements[i * 4], 4);
      }
      elements += tile->shape[0];
    }
    CHECK(elements == model.numbers.size());
    CHECK(std::equal(found.begin(), found.end(), model.numbers.begin(), model.numbers.end()));
  }
}

TEST_CASE("the words of the header") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  auto flat = file.dataset("/flat");
  auto some = flat[points({{0, 5}, {3, 1}, {0, 5}})].read<std::uint32_t>();
  CHECK(std::vector<std::uint32_t>(some.begin(), some.end()) == std::vector<std::uint32_t>{5, 151, 5});
  std::vector<bool> rows(60), flags(3000);
  rows[59] = rows[2] = flags[7] = flags[2999] = true;
  auto twoRows = flat[{mask(rows), all}].read<std::uint32_t>();
  CHECK(twoRows.shape() == Shape{2, 50});
  CHECK(twoRows[51] == 59 * 50 + 1);
  auto two = flat[mask(flags)].read<std::uint32_t>();
  CHECK(std::vector<std::uint32_t>(two.begin(), two.end()) == std::vector<std::uint32_t>{7, 2999});
  auto scalar = file.dataset("/scalar");
  CHECK(scalar[mask({true})].read<int>().shape() == Shape{1});
  CHECK(scalar[mask({false})].read<int>().shape() == Shape{0});
}

TEST_CASE("few elements are one round trip, and nothing selected is none") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto flat = session.open("file.h5").dataset("/flat");
  flat.info();
  auto before = session.traffic().roundTrips;
  flat[points({{1, 1}, {59, 49}})].read<int>();
  CHECK(session.traffic().roundTrips == before + 1);
  std::vector<bool> flags(3000);
  flags[5] = flags[2500] = true;
  flat[mask(flags)].read<int>();
  CHECK(session.traffic().roundTrips == before + 2);
  int reads = server.reads;
  CHECK(flat[mask(std::vector<bool>(3000))].read<int>().size() == 0);
  CHECK(flat[Points{}].read<int>().size() == 0);
  CHECK(server.reads == reads);
}

TEST_CASE("many points go in several calls, and a large mask in boxes of which only some are asked for") {
  FakeServer server(sample());
  auto file = connect(server.url()).open("file.h5");
  Random random(43);
  Points many;
  for (int i = 0; i < 300'000; ++i) {
    many.coordinates.push_back(static_cast<std::uint64_t>(random.between(0, 2999)));
    many.coordinates.push_back(static_cast<std::uint64_t>(random.between(0, 3999)));
  }
  auto large = file.dataset("/large");
  auto found = large[many].read<std::uint8_t>();
  REQUIRE(found.size() == 300'000);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    wrong += found[i] != ((many.coordinates[2 * i] * 4000 + many.coordinates[2 * i + 1]) & 255);
  }
  CHECK(wrong == 0);
  CHECK(server.reads == 3);
  CHECK(server.pointsAsked == 600'000);

  std::vector<bool> flags(12'000'000);
  for (std::size_t row : {3u, 4u, 2990u}) {
    for (std::size_t column = 0; column < 4000; column += 3) flags[row * 4000 + column] = true;
  }
  server.reads = 0;
  auto picked = large[mask(flags)].read<std::uint8_t>();
  CHECK(picked.size() == 3 * 1334);
  std::size_t at = 0;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) wrong += picked[at++] != (i & 255);
  }
  CHECK(wrong == 0);
  CHECK(server.reads == 2);
  CHECK(server.maskBytesAsked < 12'000'000 / 8 / 4);
}

TEST_CASE("what selects nothing sensible is refused before anything is sent") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto file = session.open("file.h5");
  auto flat = file.dataset("/flat"), scalar = file.dataset("/scalar"), rows = file.dataset("/records");
  for (auto& dataset : {flat, scalar, rows}) dataset.info();
  std::vector<Selection> wrong{mask(std::vector<bool>(2999)),
                               mask(std::vector<bool>(3001)),
                               mask(std::vector<bool>(3000 + 8)),
                               mask({}),
                               Points{{60, 0}},
                               Points{{0, 50}},
                               Points{{1, 2, 3}},
                               Points{{0, 0, ~std::uint64_t{0}, 0}},
                               Selection{mask(std::vector<bool>(59))},
                               Selection{all, mask(std::vector<bool>(60))},
                               Selection({range(0, 10)}, mask(std::vector<bool>(499))),
                               Selection({all, all, all}, mask({true}))};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    CAPTURE(i);
    refusedUnsent<BadSelection>(session, [&] { flat[wrong[i]].read<int>(); });
    refusedUnsent<BadSelection>(session, [&] { flat[{range(0, 60), all}][wrong[i]].read<int>(); });
    refusedUnsent<BadSelection>(session, [&] { flat[wrong[i]].tiles(); });
  }
  refusedUnsent<BadSelection>(session, [&] { flat[points({{1, 1}})][points({{1}})].read<int>(); });
  refusedUnsent<BadSelection>(session, [&] { flat[points({{1, 1}})][mask({true, false})].read<int>(); });
  refusedUnsent<BadSelection>(session, [&] { scalar[Points{{0}}].read<int>(); });
  refusedUnsent<BadSelection>(session, [&] { scalar[mask({true, true})].read<int>(); });
  CHECK_THROWS_AS(points({{1, 2}, {3}}), BadSelection);

  ReadOptions options;
  for (auto& fields : std::vector<std::vector<std::string>>{{"z"}, {"a", "z"}, {"a", "a"}, {""}}) {
    options.fields = fields;
    refusedUnsent<BadSelection>(session, [&] { rows.view().readPacked(options); });
    refusedUnsent<BadSelection>(session, [&] { rows[points({{1}})].readPacked(options); });
    refusedUnsent<BadType>(session, [&] { flat.view().readPacked(options); });
  }
}

TEST_CASE("only the fields that are asked for, in their order, of any selection") {
  FakeServer server(sample());
  Session session = connect(server.url());
  auto dataset = session.open("file.h5").dataset("/records");
  dataset.info();
  Random random(44);
  for (int round = 0; round < 200; ++round) {
    auto selection = randomSelection(random, {1000});
    auto model = sliced(wholeOf(server.datasets.at("/records")), selection);
    ReadOptions options;
    options.fields = round % 2 == 0 ? std::vector<std::string>{"c", "a"} : std::vector<std::string>{"b"};
    options.tileBytes = round % 3 == 0 ? 50 : 1 << 20;
    server.maxReplyBytes = round % 5 == 0 ? 40 : 1 << 20;
    auto packed = dataset[selection].readPacked(options);
    std::size_t size = round % 2 == 0 ? 3 : 4;
    REQUIRE(packed.type.size() == size);
    REQUIRE(packed.shape == model.shape);
    REQUIRE(packed.elements.size() == size * model.numbers.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < model.numbers.size(); ++i) {
      std::uint32_t expected[] = {
          round % 2 == 0 ? static_cast<std::uint32_t>((3 * model.numbers[i] & 0xffff) | (model.numbers[i] & 255) << 16)
                         : static_cast<std::uint32_t>(2 * model.numbers[i])};
      wrong += std::memcmp(expected, &packed.elements[i * size], size) != 0;
    }
    CHECK(wrong == 0);
  }
  server.maxReplyBytes = 1 << 20;
  auto before = session.traffic().bytesReceived;
  ReadOptions one;
  one.fields = {"a"};
  dataset.view().readPacked(one);
  CHECK(session.traffic().bytesReceived - before < 1500);
}

TEST_CASE("replies about single elements that contradict themselves are found out") {
  for (auto fault :
       {Fault::countTooLarge, Fault::countTooSmall, Fault::bytesMissing, Fault::wrongFirst, Fault::noProgress}) {
    CAPTURE(static_cast<int>(fault));
    FakeServer server(sample());
    auto flat = connect(server.url()).open("file.h5").dataset("/flat");
    flat.info();
    server.fault = fault;
    std::vector<bool> flags(3000);
    for (std::size_t i = 0; i < flags.size(); i += 7) flags[i] = true;
    CHECK_THROWS_AS(flat[points({{1, 1}, {2, 2}})].read<int>(), Error);
    CHECK_THROWS_AS(flat[mask(flags)].read<int>(), Error);
  }
}
