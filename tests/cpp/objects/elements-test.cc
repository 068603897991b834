// Covers single elements (points, masks) and some fields of compounds, through the whole server and every layout,
// against the same elements of the whole dataset; replies that are cut; which chunks are read; hostile questions.  Does
// not cover what points and masks mean (tests/cpp/core) nor other datatypes.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "core/fields.h"
#include "core/pack.h"
#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

// An element as text, variable-length data included: places differ from reply to reply.
std::string textOf(const DataType& type, const std::byte* element, capnp::Data::Reader heap) {
  if (!type.hasVariable()) return std::string(reinterpret_cast<const char*>(element), type.size());
  if (const auto* compound = type.as<CompoundType>()) {
    std::string text;
    for (const auto& field : compound->fields) text += "{" + textOf(field.type, element + field.offset, heap) + "}";
    return text;
  }
  std::uint64_t place[2];
  std::memcpy(place, element, sizeof place);
  const auto* sequence = type.as<SequenceType>();
  auto bytes = place[1] * (sequence ? sequence->base->size() : 1);
  REQUIRE(bytes <= heap.size());
  if (bytes > 0) REQUIRE(place[0] <= heap.size() - bytes);
  return std::string(reinterpret_cast<const char*>(heap.begin()) + (bytes > 0 ? place[0] : 0), bytes);
}

struct Answer {
  std::vector<std::string> elements;
  Shape selected;
  unsigned replies = 0;
  std::uint64_t heapBytes = 0;
};

Answer read(TestClient& client, rpc::Dataset::Client dataset, const DataType& type, const Selection& selection,
            const std::vector<std::string>& fields = {}, std::uint64_t replyBytes = 0) {
  Answer answer;
  std::uint64_t next = 0;
  do {
    auto request = dataset.readRequest();
    wire::write(selection, request.initSelection());
    auto options = request.initOptions();
    options.setReplyBytes(replyBytes);
    options.initCursor().setElement(next);
    if (!fields.empty()) {
      auto names = options.initFields(static_cast<unsigned>(fields.size()));
      for (unsigned i = 0; i < names.size(); ++i) names.set(i, fields[i].c_str());
    }
    auto reply = request.send().wait(client.server.io.waitScope);
    CHECK(reply.getFirst() == next);
    answer.selected = wire::readShape(reply.getSelected());
    auto heap = reply.getHeap();
    answer.heapBytes += heap.size();
    auto data = reply.isFill() ? reply.getFill() : reply.getPacked();
    REQUIRE(data.size() == (reply.isFill() ? 1 : reply.getCount()) * type.size());
    const auto* bytes = reinterpret_cast<const std::byte*>(data.begin());
    for (std::uint64_t i = 0; i < reply.getCount(); ++i)
      answer.elements.push_back(textOf(type, bytes + (reply.isFill() ? 0 : i * type.size()), heap));
    next = reply.hasNext() ? reply.getNext().getElement() : 0;
    ++answer.replies;
  } while (next != 0);
  return answer;
}

DataType typeOf(TestClient& client, rpc::Dataset::Client dataset) {
  auto info = dataset.describeRequest().send().wait(client.server.io.waitScope);
  return wire::read(info.getInfo().getDataset().getType());
}

constexpr std::uint64_t ROWS = 60, COLUMNS = 70;

struct Case {
  const char* path;
  std::vector<std::string> fields;
};

const Case CASES[] = {{"contiguous", {}},
                      {"raw", {}},
                      {"packed", {}},
                      {"scaled", {}},
                      {"partly", {}},
                      {"compact", {}},
                      {"never", {}},
                      {"words", {}},
                      {"records", {}},
                      {"records", {"list", "a"}},
                      {"records", {"name"}},
                      {"plain", {"b"}},
                      {"plain", {"c", "a"}},
                      {"external", {}},
                      {"virtual", {}},
                      {"virtual-records", {}},
                      {"virtual-records", {"b", "name"}}};

}  // namespace

TEST_CASE("points, masks and fields are those of the whole dataset, in every layout") {
  TestServer server;
  TestClient client(server);
  std::mt19937 random(7);
  auto below = [&](std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random); };
  for (const auto& [path, fields] : CASES) {
    CAPTURE(path);
    CAPTURE(fields.size());
    auto dataset = client.dataset(path, "data/elements.h5");
    auto whole = typeOf(client, dataset);
    auto type = fields.empty() ? whole : FieldPicker(whole, fields).type();
    auto all = read(client, dataset, type, {}, fields);
    REQUIRE(all.elements.size() == ROWS * COLUMNS);
    if (!fields.empty()) {
      // The model: the same bytes within whole elements.
      auto everything = read(client, dataset, whole, {});
      REQUIRE(everything.elements.size() == all.elements.size());
      CHECK(everything.heapBytes >= all.heapBytes);
      if (!whole.hasVariable())
        for (std::size_t i = 0; i < all.elements.size(); ++i) {
          std::string expected(type.size(), '\0');
          FieldPicker(whole, fields).pick(std::as_bytes(std::span(everything.elements[i])),
                                          std::as_writable_bytes(std::span(expected)));
          REQUIRE(all.elements[i] == expected);
        }
    }
    for (int round = 0; round < 6; ++round) {
      std::vector<std::string> expected;
      Points points;
      for (auto n = below(40) + 1; n > 0; --n) {
        auto row = below(ROWS), column = below(COLUMNS);
        points.coordinates.insert(points.coordinates.end(), {row, column});
        expected.push_back(all.elements[row * COLUMNS + column]);
      }
      auto found = read(client, dataset, type, points, fields, round % 2 ? 64 : 0);
      CHECK(found.selected == Shape{expected.size()});
      REQUIRE(found.elements == expected);

      auto firstRow = below(ROWS), firstColumn = below(COLUMNS);
      auto step = below(3) + 1, density = below(4) + 1;
      expected.clear();
      std::vector<bool> flags;
      for (auto row = firstRow; row < ROWS; ++row) {
        for (auto column = firstColumn; column < COLUMNS; column += step) {
          flags.push_back(below(4) < density);
          if (flags.back()) expected.push_back(all.elements[row * COLUMNS + column]);
        }
      }
      Selection masked({range(static_cast<std::int64_t>(firstRow)),
                        range(static_cast<std::int64_t>(firstColumn), Range::openEnd, step)},
                       mask(flags));
      found = read(client, dataset, type, masked, fields, round % 2 ? 1000 : 0);
      CHECK(found.selected == Shape{expected.size()});
      REQUIRE(found.elements == expected);
    }
    std::vector<bool> rows(ROWS);
    rows[3] = rows[58] = true;
    auto found = read(client, dataset, type, {mask(rows), range(0, 2)}, fields);
    CHECK(found.selected == Shape{2, 2});
    CHECK(found.elements == std::vector<std::string>{all.elements[3 * COLUMNS], all.elements[3 * COLUMNS + 1],
                                                     all.elements[58 * COLUMNS], all.elements[58 * COLUMNS + 1]});
  }
}

TEST_CASE("a mask of a scalar, of nothing, and points of nothing") {
  TestServer server;
  TestClient client(server);
  auto one = client.dataset("one", "data/elements.h5");
  auto type = typeOf(client, one);
  CHECK(read(client, one, type, mask({true})).elements.size() == 1);
  CHECK(read(client, one, type, mask({false})).elements.empty());
  CHECK(read(client, one, type, mask({true})).selected == Shape{1});
  auto packed = client.dataset("packed", "data/elements.h5");
  CHECK(read(client, packed, typeOf(client, packed), Points{}).selected == Shape{0});
  CHECK(read(client, packed, typeOf(client, packed), mask(std::vector<bool>(ROWS * COLUMNS))).elements.empty());
}

TEST_CASE("chunks without an element that is wanted are not read") {
  TestServer server;
  TestClient client(server);
  auto packed = client.dataset("packed", "data/elements.h5");
  auto type = typeOf(client, packed);
  std::vector<bool> flags(ROWS * COLUMNS);
  flags[0] = flags[COLUMNS - 1] = flags[ROWS * COLUMNS - 1] = true;  // three chunks of 72
  read(client, packed, type, mask(flags));
  const auto few = server.memory.used(SharedCache::Kind::elements);
  CHECK(few > 0);
  CHECK(few < 4 * (7 * 9 * 4 + 512));
  read(client, packed, type, {});  // negative control: all of them
  CHECK(server.memory.used(SharedCache::Kind::elements) > 60 * 7 * 9 * 4);
}

TEST_CASE("points and masks that lie, and fields that are not there, are refused") {
  TestServer server;
  TestClient client(server);
  auto& waitScope = server.io.waitScope;
  auto packed = client.dataset("packed", "data/elements.h5");
  auto refused = [&](const Selection& selection) {
    auto request = packed.readRequest();
    wire::write(selection, request.initSelection());
    return errorFrom(request.send(), waitScope).code;
  };
  CHECK(refused(points({{60, 0}})) == ErrorCode::badSelection);
  CHECK(refused(points({{0, ~std::uint64_t{0}}})) == ErrorCode::badSelection);
  CHECK(refused(Points{{1, 2, 3}}) == ErrorCode::badSelection);
  CHECK(refused(mask(std::vector<bool>(10))) == ErrorCode::badSelection);
  CHECK(refused(mask(std::vector<bool>(ROWS * COLUMNS + 1000, true))) == ErrorCode::badSelection);
  CHECK(refused({mask(std::vector<bool>(61, true))}) == ErrorCode::badSelection);

  auto withFields = [&](const char* path, const std::vector<std::string>& fields) {
    auto request = client.dataset(path, "data/elements.h5").readRequest();
    auto names = request.initOptions().initFields(static_cast<unsigned>(fields.size()));
    for (unsigned i = 0; i < names.size(); ++i) names.set(i, fields[i].c_str());
    return errorFrom(request.send(), waitScope);
  };
  CHECK(withFields("records", {"a", "z"}).code == ErrorCode::badSelection);
  CHECK(withFields("records", {"a", "z"}).message.find("Field z does not appear") != std::string::npos);
  CHECK(withFields("records", {"a", "a"}).code == ErrorCode::badSelection);
  CHECK(withFields("packed", {"a"}).code == ErrorCode::badType);
}
