// Covers tickets: what `seal` gives out, `restore` takes back on another connection, for the same user, while the
// object is the same; every other ticket is refused.  Does not cover the client's use of them
// (tests/faults/test_reconnecting.py).
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "server/session/ticket.h"
#include "tests/cpp/objects/in-process.h"

using namespace h5cap;
using namespace std::chrono_literals;

namespace {

Ticket sample() {
  return {{Authentication::unixPeer, "alice", 1000},
          std::chrono::steady_clock::time_point(12345s),
          rpc::Access::READ,
          Ticket::Kind::node,
          "raw/scan.nxs",
          "raw",
          "/entry/data",
          Bytes(12, std::byte{7}),
          4711,
          Bytes(40, std::byte{9})};
}

// Whom TestClient is.
Identity ownUser() { return {Authentication::none, "anyone"}; }

Bytes seal(rpc::Node::Client node, TestServer& server, std::uint32_t lifetime = 0,
           rpc::Access access = rpc::Access::NONE) {
  auto request = node.sealRequest();
  request.initOptions().setLifetimeSeconds(lifetime);
  request.getOptions().setAccess(access);
  return wire::readBytes(request.send().wait(server.io.waitScope).getTicket());
}

auto restore(TestClient& client, const Bytes& ticket) {
  auto request = client.service().restoreRequest();
  request.setTicket(wire::asData(ticket));
  return request.send();
}

ErrorText errorOfRestoring(TestClient& client, const Bytes& ticket, TestServer& server) {
  return errorFrom(restore(client, ticket), server.io.waitScope);
}

ErrorText errorOfRestoring(ServerContext& context, const Identity& identity, const Bytes& ticket, TestServer& server) {
  auto connection = kj::refcounted<ConnectionState>(context, context.principals.of(identity));
  auto service = makeService(kj::refcounted<Caller>(kj::mv(connection), context.principals.of(identity)));
  auto request = service.restoreRequest();
  request.setTicket(wire::asData(ticket));
  return errorFrom(request.send(), server.io.waitScope);
}

std::int32_t firstElement(rpc::Dataset::Client dataset, TestServer& server) {
  auto request = dataset.readRequest();
  wire::write(Selection{std::int64_t{0}, std::int64_t{1}}, request.initSelection());
  auto reply = request.send().wait(server.io.waitScope);
  std::int32_t value = -1;
  REQUIRE(reply.getPacked().size() == sizeof value);
  std::memcpy(&value, reply.getPacked().begin(), sizeof value);
  return value;
}

}  // namespace

TEST_CASE("a ticket comes back as it was given") {
  TicketOffice office;
  const Ticket before = sample();
  auto after = office.open(office.seal(before));
  REQUIRE(after);
  CHECK(after->holder.user == before.holder.user);
  CHECK(after->holder.uid == before.holder.uid);
  CHECK(after->ends == before.ends);
  CHECK(after->file == before.file);
  CHECK(after->below == before.below);
  CHECK(after->path == before.path);
  CHECK(after->token == before.token);
  CHECK(after->object == before.object);
  CHECK(after->version == before.version);
}

TEST_CASE("no ticket that is changed in one bit, cut short, lengthened or another office's is taken") {
  TicketOffice office, other;
  const Bytes sealed = office.seal(sample());
  REQUIRE(office.open(sealed));  // the control
  CHECK(!other.open(sealed));
  unsigned tried = 0, taken = 0;
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit, ++tried) {
    Bytes forged = sealed;
    forged[bit / 8] ^= std::byte{1} << (bit % 8);
    taken += office.open(forged).has_value();
  }
  for (std::size_t size = 0; size < sealed.size(); ++size, tried += 2) {
    taken += office.open(std::span(sealed).first(size)).has_value();
    taken += office.open(std::span(sealed).last(size)).has_value();
  }
  Bytes longer = sealed;
  for (int i = 0; i < 64; ++i, ++tried) {
    longer.push_back(std::byte(i));
    taken += office.open(longer).has_value();
  }
  MESSAGE(tried << " forgeries tried, " << taken << " taken");
  CHECK(tried > 1000);
  CHECK(taken == 0);
}

TEST_CASE("an object is restored on another connection") {
  TestServer server;
  TestClient first(server), second(server);
  const Bytes dataset = seal(first.dataset("/contiguous"), server);
  const Bytes file = seal(first.file(), server);

  auto restored = restore(second, dataset).wait(server.io.waitScope);
  CHECK(restored.getInfo().getKind() == rpc::NodeKind::DATASET);
  CHECK(restored.getFile().getPath() == "data/a.h5");
  const auto expected = firstElement(first.dataset("/contiguous"), server);
  CHECK(firstElement(restored.getObject().castAs<rpc::Dataset>(), server) == expected);

  // Pipelined on, too; and a ticket can be used again.
  auto opened = restore(second, file).getObject().castAs<rpc::File>().openRequest();
  opened.setPath("/contiguous");
  CHECK(firstElement(opened.send().getNode().castAs<rpc::Dataset>(), server) == expected);
  auto stat = restore(second, file).getObject().castAs<rpc::File>().statRequest().send().wait(server.io.waitScope);
  CHECK(stat.getInfo().getPath() == "data/a.h5");

  // A group's ticket gives a group back, also the root's: not the rights of a file.
  auto root = first.file().openRequest();
  root.setPath("/");
  const Bytes group = seal(root.send().getNode(), server);
  auto asFile = restore(second, group).getObject().castAs<rpc::File>();
  CHECK(errorFrom(asFile.readBytesRequest().send(), server.io.waitScope).code == ErrorCode::badType);
}

TEST_CASE("a ticket of a fake, an ended or another user's kind is denied, all with the same words") {
  TestServer server;
  TestClient client(server);
  const Bytes ticket = seal(client.dataset("/contiguous"), server);

  Bytes forged = ticket;
  forged.back() ^= std::byte{1};
  const ErrorText refused = errorOfRestoring(client, forged, server);
  CHECK(refused.code == ErrorCode::denied);
  CHECK(errorOfRestoring(client, {}, server).message == refused.message);

  const Bytes brief = seal(client.dataset("/contiguous"), server, 1);
  CHECK(restore(client, brief).wait(server.io.waitScope).hasObject());
  std::this_thread::sleep_for(1100ms);
  CHECK(errorOfRestoring(client, brief, server).message == refused.message);

  // Another user on the same server, with the ticket of the first in hand.
  Identity foreign = ownUser();
  foreign.user += "-not";
  CHECK(errorOfRestoring(server.context, foreign, ticket, server).message == refused.message);
  CHECK(errorOfRestoring(server.context, ownUser(), ticket, server).message == "");  // the control
}

TEST_CASE("a ticket of another run of the server was denied as a forgery is, and not told from one") {
  TestServer server;
  TestClient client(server);
  const Bytes ticket = seal(client.dataset("/contiguous"), server);
  // The same server, restarted: what it serves is the same, its key is not.
  ServerContext restarted(*server.opener, *server.planners, server.executor, server.chunks, server.context.timer);
  CHECK(errorOfRestoring(restarted, ownUser(), ticket, server).code == ErrorCode::unknownTicket);
  Bytes changed = ticket;
  changed.front() ^= std::byte{1};
  CHECK(errorOfRestoring(client, changed, server).code == ErrorCode::unknownTicket);
  // Of this run, and not as it was made; and nothing that a ticket could be.
  changed = ticket;
  changed.at(20) ^= std::byte{1};
  CHECK(errorOfRestoring(client, changed, server).code == ErrorCode::denied);
  changed.resize(30);
  CHECK(errorOfRestoring(restarted, ownUser(), changed, server).code == ErrorCode::denied);
}

TEST_CASE("a ticket for a file that was changed, replaced or removed is of no use any more") {
  TestServer server;
  TestClient client(server);
  const std::string path = server.folder.path() + "/a.h5";
  const Bytes dataset = seal(client.dataset("/contiguous"), server);
  const Bytes file = seal(client.file(), server);

  SUBCASE("replaced by an equal copy") {
    std::filesystem::copy_file(path, path + ".new");
    std::filesystem::rename(path + ".new", path);
    CHECK(errorOfRestoring(client, dataset, server).code == ErrorCode::changed);
    CHECK(errorOfRestoring(client, file, server).code == ErrorCode::changed);
  }
  SUBCASE("touched") {
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - 1h);
    CHECK(errorOfRestoring(client, dataset, server).code == ErrorCode::changed);
  }
  SUBCASE("removed") {
    std::filesystem::remove(path);
    CHECK(errorOfRestoring(client, dataset, server).code == ErrorCode::notFound);
  }
  SUBCASE("unchanged: the control") { CHECK(restore(client, dataset).wait(server.io.waitScope).hasObject()); }
}

TEST_CASE("a ticket may allow less than the object, and never more") {
  TestServer server;
  TestClient client(server);
  const Bytes listing = seal(client.file(), server, 0, rpc::Access::LIST);
  auto file = restore(client, listing).getObject().castAs<rpc::File>();
  CHECK(file.listRequest().send().wait(server.io.waitScope).getLinks().size() > 0);
  CHECK(errorFrom(file.readBytesRequest().send(), server.io.waitScope).code == ErrorCode::denied);
  auto open = file.openRequest();
  open.setPath("/contiguous");
  auto dataset = open.send().getNode().castAs<rpc::Dataset>();
  CHECK(dataset.describeRequest().send().wait(server.io.waitScope).getInfo().getKind() == rpc::NodeKind::DATASET);
  CHECK(errorFrom(dataset.readRequest().send(), server.io.waitScope).code == ErrorCode::denied);

  // Sealing what may only be listed does not widen it.
  const Bytes again = seal(dataset, server, 0, rpc::Access::READ);
  auto widened = restore(client, again).getObject().castAs<rpc::Dataset>();
  CHECK(errorFrom(widened.readRequest().send(), server.io.waitScope).code == ErrorCode::denied);

  auto request = client.file().sealRequest();
  request.initOptions().setAccess(rpc::Access::WRITE);
  CHECK(errorFrom(request.send(), server.io.waitScope).code == ErrorCode::denied);
}
