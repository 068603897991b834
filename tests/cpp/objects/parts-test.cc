// Covers cursors within elements, through the whole server: the parts from every byte on are what the element is, in
// every layout, with and without a heap and fields; cursors that cannot be.  Does not cover elements of many MB
// (tests/python/test_large_elements.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/wire.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;

namespace {

using Fields = std::vector<std::string>;

struct Cursor {
  std::uint64_t element = 0, byte = 0;
  std::uint64_t replyBytes = 0;
};

auto request(rpc::Dataset::Client dataset, const Selection& selection, Cursor cursor, const Fields& fields) {
  auto request = dataset.readRequest();
  wire::write(selection, request.initSelection());
  auto options = request.initOptions();
  options.setReplyBytes(cursor.replyBytes);
  options.initCursor().setElement(cursor.element);
  options.getCursor().setByte(cursor.byte);
  options.initForms(1).set(0, rpc::Form::PARTS);
  auto names = options.initFields(static_cast<unsigned>(fields.size()));
  for (unsigned i = 0; i < names.size(); ++i) names.set(i, fields[i]);
  return request;
}

Bytes bytesOf(capnp::Data::Reader data) {
  auto* begin = reinterpret_cast<const std::byte*>(data.begin());
  return {begin, begin + data.size()};
}

// Element and heap, as they come whole.
Bytes whole(TestClient& client, const char* path, const Selection& selection, std::uint64_t element,
            const Fields& fields) {
  auto asked = request(client.dataset(path), selection, {element, 0, 1}, fields);
  auto reply = asked.send().wait(client.server.io.waitScope);
  REQUIRE(reply.getCount() >= 1);
  if (reply.isFill()) {
    Bytes bytes = bytesOf(reply.getFill()), heap = bytesOf(reply.getHeap());
    bytes.insert(bytes.end(), heap.begin(), heap.end());
    return bytes;
  }
  REQUIRE(reply.isPacked());
  REQUIRE(reply.getCount() == 1);
  Bytes bytes = bytesOf(reply.getPacked()), heap = bytesOf(reply.getHeap());
  bytes.insert(bytes.end(), heap.begin(), heap.end());
  return bytes;
}

struct Row {
  const char* path;
  Selection selection;
  std::uint64_t element;
  Fields fields;
};

std::vector<Row> rows() {
  return {
      {"contiguous", {}, 999, {}},
      {"frames", {}, 4097, {}},                                    // chunks that are compressed
      {"frames", Selection(Points{{3, 4, 5, 6, 7, 8}}), 1, {}},    // single elements
      {"big", {range(70'000, 80'000, 7)}, 5, {}},                  // chunks as they are
      {"never", {}, 17, {}},                                       // fill
      {"virtual", {}, 12, {}},
      {"virtual", {}, 35, {}},                                     // of an absent source
      {"external", {}, 4, {}},                                     // by a link
      {"group/scalar", {}, 0, {}},
      {"group/strings", {}, 1, {}},
      {"group/strings", {}, 2, {}},                                // without a heap
      {"virtual-words", {}, 1, {}},
  };
}

}  // namespace

TEST_CASE("from every byte on an element goes on as it is") {
  TestServer server;
  TestClient client(server);
  for (const Row& row : rows()) {
    CAPTURE(row.path);
    const Bytes all = whole(client, row.path, row.selection, row.element, row.fields);
    for (std::uint64_t byte = 1; byte < all.size(); ++byte) {
      for (std::uint64_t most : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{100}}) {
        CAPTURE(byte);
        auto reply = request(client.dataset(row.path), row.selection, {row.element, byte, most}, row.fields)
                         .send()
                         .wait(server.io.waitScope);
        REQUIRE(reply.isPart());
        CHECK(reply.getCount() == 0);
        CHECK(reply.getFirst() == row.element);
        CHECK(reply.getPart().getFirst() == byte);
        CHECK(reply.getPart().getTotal() == all.size());
        const std::uint64_t count = std::min<std::uint64_t>(most, all.size() - byte);
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(byte);
        CHECK(bytesOf(reply.getPart().getBytes()) == Bytes(begin, begin + static_cast<std::ptrdiff_t>(count)));
        if (byte + count < all.size()) {
          CHECK(reply.getNext().getElement() == row.element);
          CHECK(reply.getNext().getByte() == byte + count);
        } else {
          CHECK(reply.getNext().getByte() == 0);
          CHECK((!reply.hasNext() || reply.getNext().getElement() == row.element + 1));
        }
      }
    }
  }
}

TEST_CASE("elements larger than a reply are cut for those who take parts, and come whole to others") {
  ObjectLimits limits;
  limits.bytesInOneReply = 8;
  TestServer server(limits);
  TestClient client(server);
  for (const char* path : {"group/strings", "virtual-words"}) {
    CAPTURE(path);
    auto taking = request(client.dataset(path), {}, {0, 0, 1000}, {});
    auto part = taking.send().wait(server.io.waitScope);
    REQUIRE(part.isPart());
    CHECK(part.getPart().getBytes().size() == 8);
    CHECK(part.getPart().getTotal() == 16 + part.getPart().getTotal() % 16);
    auto other = request(client.dataset(path), {}, {0, 0, 1000}, {});
    other.getOptions().disownForms();
    auto reply = other.send().wait(server.io.waitScope);
    REQUIRE(reply.isPacked());
    CHECK(reply.getCount() == 1);
    CHECK(reply.getPacked().size() + reply.getHeap().size() == part.getPart().getTotal());
  }
}

TEST_CASE("cursors that lie beyond an element are refused, whatever it is") {
  TestServer server;
  TestClient client(server);
  for (const Row& row : rows()) {
    CAPTURE(row.path);
    const std::uint64_t size = whole(client, row.path, row.selection, row.element, row.fields).size();
    for (std::uint64_t byte : {size, size + 1, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
      for (std::uint64_t most : {std::uint64_t{1}, ~std::uint64_t{0}}) {
        CAPTURE(byte);
        auto asked = request(client.dataset(row.path), row.selection, {row.element, byte, most}, row.fields);
        CHECK(errorFrom(asked.send(), server.io.waitScope).code == ErrorCode::badSelection);
      }
    }
    for (std::uint64_t element : {std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      auto asked = request(client.dataset(row.path), row.selection, {element, 1, 1}, row.fields);
      CHECK(errorFrom(asked.send(), server.io.waitScope).code == ErrorCode::badSelection);
    }
  }
  // Nothing is in an empty selection, and nothing behind the last element.
  for (auto& selection : {Selection{range(0, 0)}, Selection{}}) {
    auto asked = request(client.dataset("contiguous"), selection, {selection.axes().empty() ? 1000u : 0u, 1, 1}, {});
    CHECK(errorFrom(asked.send(), server.io.waitScope).code == ErrorCode::badSelection);
  }
  // The control: the connection is none the worse.
  CHECK(whole(client, "contiguous", {}, 0, {}).size() == 4);
}

TEST_CASE("parts of an attribute are its value, and beyond it there is nothing") {
  TestServer server;
  TestClient client(server);
  auto attributes = client.file().attributesRequest().send().getAttributes();
  auto ask = [&](std::uint64_t first, std::uint32_t most, const char* name = "title",
                 kj::ArrayPtr<const kj::byte> of = {}) {
    auto request = attributes.readPartRequest();
    request.setName(name);
    request.setFirstByte(first);
    request.setReplyBytes(most);
    request.setIfVersion(of);
    return request.send();
  };
  auto all = ask(0, 1000).wait(server.io.waitScope);
  const std::uint64_t total = all.getPart().getTotal();
  CHECK(total == 16 + 5);  // a place, and "hello"
  CHECK(all.getPart().getBytes().size() == total);
  CHECK(all.getAttribute().isOmitted());
  Bytes joined;
  while (joined.size() < total) {
    auto part = ask(joined.size(), 2, "title", all.getVersion()).wait(server.io.waitScope);
    CHECK(part.getPart().getFirst() == joined.size());
    const Bytes bytes = bytesOf(part.getPart().getBytes());
    CHECK(bytes.size() <= 2);
    joined.insert(joined.end(), bytes.begin(), bytes.end());
  }
  CHECK(joined == bytesOf(all.getPart().getBytes()));
  for (std::uint64_t first : {total, total + 1, ~std::uint64_t{0}})
    CHECK(errorFrom(ask(first, 1), server.io.waitScope).code == ErrorCode::badSelection);
  CHECK(errorFrom(ask(0, 1, "nothing"), server.io.waitScope).code == ErrorCode::notFound);
  const kj::byte other[] = {1, 2, 3};
  CHECK(errorFrom(ask(0, 1, "title", other), server.io.waitScope).code == ErrorCode::changed);
}
