// Heaps of variable-length data against a naive model: values are trees, packed and read back here without the code
// that is tested, as types of every nesting and of chance.  Then what no writer makes: places that share, overlap, lie
// outside, multiply; and limits, which hold before memory is taken.  Seeded.  Not covered: replies and sources that
// carry heaps (tests/cpp/objects, tests/python/test_variable_length.py).
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <functional>

#include "core/convert-source.h"
#include "core/fields.h"
#include "core/heap.h"
#include "core/place-pattern.h"
#include "h5cap/error.h"
#include "random.h"

using namespace h5cap;

namespace {

SharedType share(DataType type) { return std::make_shared<const DataType>(std::move(type)); }

DataType number(std::uint32_t bytes) {
  return DataType(bytes, IntegerType{false, ByteOrder::little, static_cast<std::uint16_t>(8 * bytes), 0});
}
DataType text() { return DataType(PLACE_BYTES, VariableStringType{}); }
DataType sequence(DataType base) { return DataType(PLACE_BYTES, SequenceType{share(std::move(base))}); }
DataType array(DataType element, std::uint32_t count) {
  const auto bytes = element.size() * count;
  return DataType(bytes, ArrayType{share(std::move(element)), {count}});
}
// Fields with `gap` bytes before each.
DataType compound(std::vector<DataType> types, std::uint32_t gap = 0) {
  CompoundType fields;
  std::uint32_t size = 0;
  for (auto& type : types) {
    const auto bytes = type.size();
    fields.fields.push_back({"f" + std::to_string(fields.fields.size()), size + gap, std::move(type)});
    size += gap + bytes;
  }
  return DataType(size, std::move(fields));
}

// ----------------------------------------------------------------------------------------------------- the naive model

// One element: bytes of what is neither of these, or a string's; elements of sequences, arrays, compounds.
struct Value {
  std::string bytes;
  std::vector<Value> inner;

  bool operator==(const Value&) const = default;
};

struct Model {
  Bytes heap;

  void set(HeapPlace place, std::byte* at) {
    std::memcpy(at, &place.offset, 8);
    std::memcpy(at + 8, &place.count, 8);
  }

  // Into `at`, and what is variable to the end of the heap, with `gaps` between some.
  void pack(const DataType& type, const Value& value, std::byte* at, Random* gaps) {
    if (type.as<VariableStringType>()) {
      if (!value.bytes.empty()) set(put(value.bytes.data(), value.bytes.size(), value.bytes.size(), gaps), at);
    } else if (auto* list = type.as<SequenceType>()) {
      const auto size = list->base->size();
      Bytes elements(value.inner.size() * size);
      for (std::size_t i = 0; i < value.inner.size(); ++i) pack(*list->base, value.inner[i], &elements[i * size], gaps);
      if (!elements.empty()) set(put(elements.data(), elements.size(), value.inner.size(), gaps), at);
    } else if (auto* fields = type.as<CompoundType>()) {
      for (std::size_t i = 0; i < value.inner.size(); ++i) {
        pack(fields->fields[i].type, value.inner[i], at + fields->fields[i].offset, gaps);
      }
    } else if (auto* repeated = type.as<ArrayType>()) {
      for (std::size_t i = 0; i < value.inner.size(); ++i) {
        pack(*repeated->element, value.inner[i], at + i * repeated->element->size(), gaps);
      }
    } else {
      std::memcpy(at, value.bytes.data(), value.bytes.size());
    }
  }

  HeapPlace put(const void* data, std::size_t bytes, std::uint64_t count, Random* gaps) {
    if (gaps && gaps->chance(20)) heap.resize(heap.size() + static_cast<std::size_t>(gaps->between(1, 9)));
    const HeapPlace place{heap.size(), count};
    const auto* from = static_cast<const std::byte*>(data);
    heap.insert(heap.end(), from, from + bytes);
    return place;
  }
};

Value read(const DataType& type, const std::byte* at, const Bytes& heap) {
  Value value;
  auto data = [&](std::uint64_t size) {
    HeapPlace place;
    std::memcpy(&place.offset, at, 8);
    std::memcpy(&place.count, at + 8, 8);
    REQUIRE((place.count != 0 || place.offset == 0));
    REQUIRE(place.offset <= heap.size());
    REQUIRE(place.count <= (heap.size() - place.offset) / size);
    return place;
  };
  if (type.as<VariableStringType>()) {
    const auto place = data(1);
    value.bytes.assign(reinterpret_cast<const char*>(heap.data()) + place.offset, place.count);
  } else if (auto* list = type.as<SequenceType>()) {
    const auto size = list->base->size();
    const auto place = data(size);
    for (std::uint64_t i = 0; i < place.count; ++i) {
      value.inner.push_back(read(*list->base, heap.data() + place.offset + i * size, heap));
    }
  } else if (auto* fields = type.as<CompoundType>()) {
    for (auto& field : fields->fields) value.inner.push_back(read(field.type, at + field.offset, heap));
  } else if (auto* repeated = type.as<ArrayType>()) {
    for (std::uint32_t i = 0; i < repeated->dimensions[0]; ++i) {
      value.inner.push_back(read(*repeated->element, at + i * repeated->element->size(), heap));
    }
  } else {
    value.bytes.assign(reinterpret_cast<const char*>(at), type.size());
  }
  return value;
}

std::vector<Value> readAll(const DataType& type, const Bytes& elements, const Bytes& heap) {
  std::vector<Value> values;
  for (std::size_t at = 0; at < elements.size(); at += type.size()) values.push_back(read(type, &elements[at], heap));
  return values;
}

std::string someBytes(Random& random, std::size_t size) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>(random.between(0, 255));
  return bytes;
}

Value someValue(Random& random, const DataType& type) {
  Value value;
  auto several = [&](std::uint64_t count, const DataType& inner) {
    for (; count > 0; --count) value.inner.push_back(someValue(random, inner));
  };
  if (type.as<VariableStringType>()) {
    value.bytes = someBytes(random, static_cast<std::size_t>(random.between(0, 12)));
  } else if (auto* list = type.as<SequenceType>()) {
    several(static_cast<std::uint64_t>(random.between(0, 3)), *list->base);
  } else if (auto* fields = type.as<CompoundType>()) {
    for (auto& field : fields->fields) several(1, field.type);
  } else if (auto* repeated = type.as<ArrayType>()) {
    several(repeated->dimensions[0], *repeated->element);
  } else {
    value.bytes = someBytes(random, type.size());
  }
  return value;
}

DataType someType(Random& random, int depth) {
  switch (random.between(0, depth == 0 ? 1 : 5)) {
    case 0:
      return number(1u << random.between(0, 3));
    case 1:
      return text();
    case 2:
      return array(someType(random, depth - 1), static_cast<std::uint32_t>(random.between(1, 3)));
    case 3: {
      std::vector<DataType> fields;
      for (auto n = random.between(1, 3); n > 0; --n) fields.push_back(someType(random, depth - 1));
      return compound(std::move(fields), static_cast<std::uint32_t>(random.between(0, 3)));
    }
    default:
      return sequence(someType(random, depth - 1));
  }
}

PackedData packed(const DataType& type, const std::vector<Value>& values, Random* gaps = nullptr) {
  Model model;
  Bytes elements(values.size() * type.size());
  for (std::size_t i = 0; i < values.size(); ++i) model.pack(type, values[i], &elements[i * type.size()], gaps);
  return {std::move(elements), std::move(model.heap)};
}

// Random values of a type, in several heaps, come out of one as they went in.
template <class Append>
bool comesThrough(Random& random, const DataType& type, Append append) {
  std::vector<Value> values;
  Bytes elements, heap;
  for (auto parts = random.between(1, 4); parts > 0; --parts) {
    std::vector<Value> some;
    for (auto count = random.between(0, 4); count > 0; --count) some.push_back(someValue(random, type));
    auto part = packed(type, some, &random);
    append(type, part, heap);
    elements.insert(elements.end(), part.elements.begin(), part.elements.end());
    values.insert(values.end(), some.begin(), some.end());
  }
  return readAll(type, elements, heap) == values;
}

void rightly(const DataType& type, PackedData& part, Bytes& heap) {
  Heap all;
  all.add(heap, heap.size());
  const auto before = all.bytes().size();
  all.append(type, part.elements, part.heap);
  CHECK(all.bytes().size() - before <= part.heap.size());
  heap = all.take();
}

// As it was done once: places in elements are moved, and those in the heap are not.
void wrongly(const DataType& type, PackedData& part, Bytes& heap) {
  const PlacePattern pattern(type);
  auto move = [&](PlacePattern::Id, std::byte* at) {
    auto place = readPlace(at);
    place.offset += heap.size();
    writePlace(place, at);
  };
  for (std::size_t at = 0; at < part.elements.size() && pattern.root() != PlacePattern::NONE; at += type.size()) {
    pattern.visit(pattern.root(), &part.elements[at], move);
  }
  heap.insert(heap.end(), part.heap.begin(), part.heap.end());
}

std::vector<DataType> nestings() {
  auto pair = compound({number(4), text(), sequence(number(2))}, 3);
  return {text(),
          sequence(number(4)),
          sequence(text()),
          sequence(sequence(text())),
          sequence(sequence(sequence(number(1)))),
          array(text(), 3),
          array(sequence(text()), 2),
          sequence(array(text(), 2)),
          pair,
          sequence(pair),
          sequence(array(compound({sequence(pair), number(8)}), 2)),
          compound({text(), array(compound({sequence(text()), text()}, 1), 2), sequence(sequence(pair))})};
}

Bytes places(std::vector<HeapPlace> list) {
  Bytes bytes(list.size() * PLACE_BYTES);
  for (std::size_t i = 0; i < list.size(); ++i) Model().set(list[i], &bytes[i * PLACE_BYTES]);
  return bytes;
}

Bytes textBytes(std::string_view text) {
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  return Bytes(from, from + text.size());
}

ErrorCode codeOf(const std::function<void()>& act) {
  try {
    act();
  } catch (const FileError& problem) {
    return problem.code();
  }
  return ErrorCode::failed;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------- values

TEST_CASE("values of every nesting come out of one heap as they went into several") {
  Random random(21);
  for (const auto& type : nestings()) {
    CAPTURE(describe(type));
    for (int trial = 0; trial < 300; ++trial) REQUIRE(comesThrough(random, type, rightly));
  }
}

TEST_CASE("so do values of random types") {
  Random random(22);
  for (int trial = 0; trial < 3000; ++trial) {
    const auto type = someType(random, 4);
    CAPTURE(describe(type));
    REQUIRE(comesThrough(random, type, rightly));
  }
}

TEST_CASE("negative control: moving only the places of elements is noticed, and only where places nest") {
  Random random(23);
  for (int trial = 0; trial < 200; ++trial) REQUIRE(comesThrough(random, array(text(), 2), wrongly));
  // Texts of the heap before it, where they do not even lie outside.
  auto heap = textBytes("0123456789 and more");
  auto part = packed(sequence(text()), {{"", {{"abc", {}}, {"defg", {}}}}});
  wrongly(sequence(text()), part, heap);
  const auto value = read(sequence(text()), part.elements.data(), heap);
  CHECK(value.inner[0].bytes == "012");
  CHECK(value.inner[1].bytes == "3456");
}

TEST_CASE("what nobody reaches stays behind, fields that are picked included") {
  Random random(24);
  const auto type = compound({text(), number(4), sequence(text()), sequence(compound({text(), number(1)}))});
  FieldPicker picker(type, {"f3", "f0"});
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<Value> values, expected;
    for (auto count = random.between(1, 5); count > 0; --count) {
      values.push_back(someValue(random, type));
      expected.push_back({"", {values.back().inner[3], values.back().inner[0]}});
    }
    auto all = packed(type, values, &random);
    Bytes picked(values.size() * picker.type().size());
    picker.pick(all.elements, picked);
    Heap heap;
    heap.append(picker.type(), picked, all.heap);
    CHECK(readAll(picker.type(), picked, heap.bytes()) == expected);
    CHECK(heap.bytes().size() == packed(picker.type(), expected).heap.size());
  }
}

TEST_CASE("sequences convert at any depth, and keep what they share") {
  Random random(25);
  const auto from = compound({sequence(sequence(compound({number(2), text()}))), text()});
  const auto to = compound({sequence(sequence(compound({number(8), text()}))), text()});
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<Value> values;
    for (auto count = random.between(1, 5); count > 0; --count) values.push_back(someValue(random, from));
    auto expected = values;
    for (auto& value : expected) {
      for (auto& outer : value.inner[0].inner) {
        for (auto& inner : outer.inner) inner.inner[0].bytes.resize(8);
      }
    }
    auto converted = convertSource(from, packed(from, values, &random), to, 1 << 20);
    CHECK(readAll(to, converted.elements, converted.heap) == expected);
  }
  const auto numbers = sequence(number(1)), wide = sequence(number(2));
  auto shared = convertSource(numbers, {places(std::vector<HeapPlace>(1000, {0, 1000})), Bytes(1000)}, wide, 2000);
  CHECK(shared.heap.size() == 2000);
  auto tooLarge = [&] { convertSource(numbers, {places({{0, 1000}}), Bytes(1000)}, wide, 1999); };
  CHECK(codeOf(tooLarge) == ErrorCode::tooLarge);
  auto overlapping = [&] { convertSource(numbers, {places({{0, 999}, {1, 999}}), Bytes(1000)}, wide, 1 << 20); };
  CHECK(codeOf(overlapping) == ErrorCode::fileProblem);
}

// ------------------------------------------------------------------------------------------------ sharing and overlaps

TEST_CASE("a piece that many share stays one, whether the limit is near or not") {
  constexpr std::uint64_t bytes = 256 << 10;
  for (auto base : {number(1), number(4), text()}) {
    CAPTURE(describe(base));
    const auto count = bytes / base.size();
    auto elements = places(std::vector<HeapPlace>(16384, {0, count}));
    Heap heap(bytes);
    heap.append(sequence(base), elements, Bytes(bytes));
    CHECK(heap.bytes().size() == bytes);
    CHECK(heap.bytes().capacity() == bytes);
    CHECK(elements == places(std::vector<HeapPlace>(16384, {0, count})));
  }
}

TEST_CASE("nested places that share are moved once, at every level") {
  // Forty levels of two places that lead to the next level: 2^40 ways to the text, which is there once.
  DataType type = text();
  Bytes source = textBytes("the text");
  HeapPlace place{0, source.size()};
  for (int level = 0; level < 40; ++level) {
    type = sequence(type);
    auto pair = places({place, place});
    place = {source.size(), 2};
    source.insert(source.end(), pair.begin(), pair.end());
  }
  auto elements = places({place, place, place});
  Heap heap;
  heap.add(textBytes("before"), 6);
  heap.append(type, elements, source);
  CHECK(heap.bytes().size() == 6 + source.size());
  CHECK(readPlace(&elements[0]) == readPlace(&elements[32]));
  auto at = readPlace(elements.data());
  for (int level = 0; level < 40; ++level) at = readPlace(dataOf(at, PLACE_BYTES, heap.bytes()).data());
  CHECK(at.count == 8);
  const auto found = dataOf(at, 1, heap.bytes());
  CHECK(Bytes(found.begin(), found.end()) == textBytes("the text"));
}

TEST_CASE("places that overlap in parts keep their data") {
  const auto source = textBytes("abcdefghij");
  auto elements = places({{4, 4}, {0, 6}, {5, 1}, {9, 1}, {0, 0}, {7, 3}});
  Heap heap;
  heap.append(text(), elements, source);
  CHECK(heap.bytes().size() == 10);
  std::vector<std::string> found;
  for (auto& value : readAll(text(), elements, heap.bytes())) found.push_back(value.bytes);
  CHECK(found == std::vector<std::string>{"efgh", "abcdef", "f", "j", "", "hij"});
}

TEST_CASE("bytes that are reached as two types are right as both, or refused where there is no room for that") {
  const auto type = compound({sequence(text()), sequence(number(8)), text()});
  auto source = places({{64, 3}, {67, 5}});
  source.resize(64);
  auto texts = textBytes("onethree");
  source.insert(source.end(), texts.begin(), texts.end());
  // The places themselves, as numbers and as a text; with that, more than the heap has.
  auto elements = places({{0, 2}, {0, 2}, {16, 8}});
  Heap heap;
  heap.add(textBytes("xyz"), 3);
  heap.append(type, elements, source);
  const auto value = read(type, elements.data(), heap.bytes());
  CHECK(value.inner[0].inner[0].bytes == "one");
  CHECK(value.inner[0].inner[1].bytes == "three");
  CHECK(value.inner[1].inner[0].bytes == std::string("\x40\0\0\0\0\0\0\0", 8));
  CHECK(value.inner[2].bytes == std::string("\x43\0\0\0\0\0\0\0", 8));
  source = places({{0, 1}, {0, 1}});
  elements = places({{0, 2}, {0, 4}, {0, 32}});
  const auto before = heap.bytes();
  CHECK(codeOf([&] { heap.append(type, elements, source); }) == ErrorCode::fileProblem);
  CHECK(heap.bytes() == before);
  CHECK(elements == places({{0, 2}, {0, 4}, {0, 32}}));
}

TEST_CASE("nested pieces that overlap in parts do not multiply") {
  // Each byte of a heap of places begins a piece to its end: a million times the heap.
  auto source = places(std::vector<HeapPlace>(4096, {0, 1}));
  std::vector<HeapPlace> all;
  for (std::uint64_t at = 0; at < 4095; ++at) all.push_back({16 * at, 4096 - at});
  auto elements = places(all);
  Heap heap;
  CHECK(codeOf([&] { heap.append(sequence(text()), elements, source); }) == ErrorCode::fileProblem);
  CHECK(heap.bytes().capacity() == 0);
}

// ------------------------------------------------------------------------------------------------ limits and hostility

TEST_CASE("a limit holds before memory is taken, and what is refused changes nothing") {
  Bytes source(1000);
  Heap heap(1500);
  auto first = places({{0, 600}, {500, 500}});
  heap.append(text(), first, source);
  CHECK(heap.bytes().size() == 1000);
  const auto capacity = heap.bytes().capacity();
  auto second = places({{0, 501}});
  CHECK(codeOf([&] { heap.append(text(), second, source); }) == ErrorCode::tooLarge);
  CHECK(codeOf([&] { heap.add(source, 1000); }) == ErrorCode::tooLarge);
  CHECK(codeOf([&] { heap.reserve(~0ull / 8 + 2, 8); }) == ErrorCode::tooLarge);
  CHECK(codeOf([&] { heap.reserve(501, 1); }) == ErrorCode::tooLarge);
  CHECK(codeOf([&] { Heap().reserve(~0ull, 1); }) == ErrorCode::tooLarge);
  CHECK(second == places({{0, 501}}));
  CHECK(heap.bytes().size() == 1000);
  CHECK(heap.bytes().capacity() == capacity);
  second = places({{0, 500}});
  heap.append(text(), second, source);
  CHECK(second == places({{1000, 500}}));
  CHECK(heap.bytes().capacity() <= 1500);
}

TEST_CASE("places outside of the heap are refused, nested ones too") {
  const std::array<HeapPlace, 6> bad = {{{0, 65}, {65, 1}, {64, 1}, {~0ull, 1}, {1, ~0ull}, {~0ull - 3, 8}}};
  for (auto place : bad) {
    CAPTURE(place.offset);
    CAPTURE(place.count);
    for (const auto& type : {text(), sequence(number(1)), sequence(number(4)), sequence(text())}) {
      auto elements = places({{}, place});
      Heap heap;
      CHECK(codeOf([&] { heap.append(type, elements, Bytes(64)); }) == ErrorCode::fileProblem);
      CHECK(heap.bytes().empty());
      auto source = places({{}, place, {}, {}});
      elements = places({{0, 4}});
      CHECK(codeOf([&] { heap.append(sequence(type), elements, source); }) == ErrorCode::fileProblem);
      CHECK(elements == places({{0, 4}}));
    }
    CHECK_THROWS_AS(placeData(place, 1, nullptr, 64), FileError);
  }
  CHECK_THROWS_AS(placeData({0, 1}, 0, nullptr, 64), FileError);
  CHECK(placeData({~0ull, 0}, 1, nullptr, 64) == nullptr);
}

TEST_CASE("places of nothing become zeros, wherever they led") {
  auto elements = places({{0, 1}});
  auto source = places({{~0ull, 0}});
  Heap heap;
  heap.append(sequence(text()), elements, source);
  CHECK(heap.bytes() == places({{0, 0}}));
  elements = places({{12345, 0}});
  heap.append(text(), elements, {});
  CHECK(elements == places({{0, 0}}));
}

TEST_CASE("types whose places overlap or lie outside are refused, others cost by their bytes") {
  auto fields = [](std::uint32_t size, std::uint32_t first, std::uint32_t second) {
    return DataType(size, CompoundType{{{"a", first, text()}, {"b", second, text()}}});
  };
  PlacePattern(fields(32, 16, 0));
  for (auto& type : {fields(32, 0, 15), fields(32, 0, 0), fields(31, 0, 16), fields(32, ~0u, 0)}) {
    CHECK_THROWS_AS(PlacePattern{type}, FileError);
  }
  CHECK_THROWS_AS(PlacePattern{DataType(8, VariableStringType{})}, FileError);
  CHECK_THROWS_AS(PlacePattern{DataType(24, ArrayType{share(text()), {2}})}, FileError);
  CHECK(PlacePattern(compound({number(8), array(number(4), 9)})).root() == PlacePattern::NONE);
  // Names and numbers make no difference to what is one piece.
  const auto twins = compound({sequence(compound({text(), number(4)})), sequence(compound({text(), number(2)}, 0))});
  const auto tail = compound({text(), array(number(1), 4)});
  PlacePattern same(compound({sequence(compound({text(), number(4)})), sequence(tail)}));
  std::vector<PlacePattern::Id> seen;
  auto note = [&](PlacePattern::Id how, const std::byte*) { seen.push_back(how); };
  Bytes element(32);
  same.visit(same.root(), std::as_const(element).data(), note);
  CHECK(seen[0] == seen[1]);
  PlacePattern other(twins);
  other.visit(other.root(), std::as_const(element).data(), note);
  CHECK(seen[2] != seen[3]);
}

TEST_CASE("places that lead anywhere are redirected to valid ones or refused") {
  Random random(26);
  const auto type = sequence(sequence(compound({text(), sequence(number(1))})));
  auto hostile = [&](std::size_t size, std::size_t heapSize) {
    constexpr std::array<std::uint64_t, 4> edges = {~0ull, ~0ull - 15, 1ull << 63, 1ull << 60};
    auto any = [&] {
      return random.chance(10) ? edges[static_cast<std::size_t>(random.between(0, 3))]
                               : static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(heapSize) + 1));
    };
    std::vector<HeapPlace> list;
    for (std::size_t i = 0; i < size / PLACE_BYTES; ++i) {
      list.push_back({random.chance(50) ? 0 : any() / 16 * 16, static_cast<std::uint64_t>(random.between(0, 3))});
      if (random.chance(10)) list.back() = {any(), any()};
    }
    return places(list);
  };
  int redirected = 0, refused = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    auto source = hostile(static_cast<std::size_t>(random.between(0, 300)), 300);
    auto elements = hostile(16 * static_cast<std::size_t>(random.between(0, 3)), source.size());
    const auto before = elements;
    Heap heap;
    heap.add(Bytes(7), 7);
    try {
      heap.append(type, elements, source);
      CHECK(heap.bytes().size() <= 7 + source.size());
      readAll(type, elements, heap.bytes());
      ++redirected;
    } catch (const FileError&) {
      CHECK(elements == before);
      CHECK(heap.bytes().size() == 7);
      ++refused;
    }
  }
  CHECK(redirected > 200);
  CHECK(refused > 200);
}

TEST_CASE("converting a source does not believe its places") {
  const auto from = sequence(number(4)), to = sequence(number(8));
  Bytes heap(12, std::byte{1});
  auto good = convertSource(from, {places({{4, 2}}), heap}, to, 1000);
  CHECK(good.elements == places({{0, 2}}));
  CHECK(good.heap.size() == 16);
  CHECK(convertSource(from, {places({{99, 0}}), heap}, to, 1000).elements == places({{0, 0}}));
  for (HeapPlace bad : {HeapPlace{4, 3}, HeapPlace{13, 1}, HeapPlace{~0ull, 1}, HeapPlace{0, ~0ull / 4 + 2}}) {
    CHECK_THROWS_AS(convertSource(from, {places({bad}), heap}, to, 1000), FileError);
  }
  CHECK_THROWS_AS(convertSource(sequence(DataType(4, FixedStringType{})), {}, to, 1000), BadType);
}
