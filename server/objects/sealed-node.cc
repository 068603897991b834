#include "server/objects/sealed-node.h"

#include <capnp/membrane.h>

#include <algorithm>

#include "server/objects/group-impl.h"

namespace h5cap {
namespace {

constexpr std::chrono::seconds usualLifetime = std::chrono::hours(24);
constexpr std::chrono::seconds longestLifetime = std::chrono::hours(24 * 30);

// Method numbers of objects.capnp.
constexpr std::uint16_t nodeSeal = 2, datasetRead = 0, fileReadBytes = 2;

// Seals with no more than the right to list.
class ListingSeal final : public rpc::Node::Server {
 public:
  explicit ListingSeal(rpc::Node::Client inner) : inner_(kj::mv(inner)) {}

  kj::Promise<void> seal(SealContext context) override {
    auto request = inner_.sealRequest();
    request.setOptions(context.getParams().getOptions());
    request.getOptions().setAccess(rpc::Access::LIST);
    return context.tailCall(kj::mv(request));
  }

 private:
  rpc::Node::Client inner_;
};

// Around everything that is reached through an object with the right to list: names, shapes and attributes, no elements.
class ListingOnly final : public capnp::MembranePolicy, public kj::Refcounted {
 public:
  kj::Maybe<capnp::Capability::Client> inboundCall(std::uint64_t interfaceId, std::uint16_t methodId,
                                                   capnp::Capability::Client target) override {
    if ((interfaceId == capnp::typeId<rpc::Dataset>() && methodId == datasetRead) ||
        (interfaceId == capnp::typeId<rpc::File>() && methodId == fileReadBytes))
      return capnp::Capability::Client(wire::toKj(ErrorCode::denied, "this ticket allows to list, not to read"));
    if (interfaceId == capnp::typeId<rpc::Node>() && methodId == nodeSeal)
      return capnp::Capability::Client(kj::heap<ListingSeal>(target.castAs<rpc::Node>()));
    return nullptr;
  }
  kj::Maybe<capnp::Capability::Client> outboundCall(std::uint64_t, std::uint16_t, capnp::Capability::Client) override {
    return nullptr;
  }
  kj::Own<MembranePolicy> addRef() override { return kj::addRef(*this); }
};

rpc::Access grantedAccess(rpc::Access wanted) {
  if (wanted == rpc::Access::NONE) return rpc::Access::READ;
  if (wanted > rpc::Access::READ) raiseKj(ErrorCode::denied, "a ticket cannot allow more than the object: it may be read");
  return wanted;
}

[[noreturn]] void refuse() {
  raiseKj(ErrorCode::denied, "the ticket is none of this server's, has ended, or is another user's");
}

Ticket ticketOf(const TicketOffice& office, const Identity& identity, capnp::Data::Reader sealed) {
  auto ticket = office.open(std::as_bytes(std::span(sealed.begin(), sealed.size())));
  if (!ticket || ticket->ends <= std::chrono::steady_clock::now()) refuse();
  if (ticket->holder != identity) refuse();
  return std::move(*ticket);
}

[[noreturn]] void raiseChanged(const NodePlace& place) {
  raiseKj(ErrorCode::changed, place.text() + ": is not what the ticket was made for any more");
}

// The sealed object, if it is there and the same.
kj::Promise<FoundNode> findSealed(kj::Own<OpenFile> file, const Ticket& ticket) {
  NodePlace place{kj::mv(file), ticket.path};
  if (!ticket.token.empty()) place.token = std::make_shared<const Bytes>(ticket.token);
  auto& opened = *place.file;
  // What satisfies() says of a SWMR file is known from info() on.
  auto checked = opened.consult<bool>([wanted = ticket.version](FileVersion& version) {
    return version.info().then([&version, wanted](std::shared_ptr<const FileInfo>) { return version.satisfies(wanted); });
  });
  return checked.then([place = kj::mv(place), object = ticket.object](bool isSame) mutable {
    if (!isSame) raiseChanged(place);
    auto found = findNode(place.clone());
    return found.then([place = kj::mv(place), object](FoundNode found) {
      if (found.info->id != object) raiseChanged(place);
      return found;
    });
  });
}

void writeRestored(const Ticket& ticket, FoundNode found, const FileInfo& info, RestoreContext context) {
  auto results = context.getResults();
  wire::write(*found.info, results.initInfo());
  wire::write(info, results.initFile());
  rpc::Node::Client node = ticket.kind == Ticket::Kind::file
                               ? rpc::Node::Client(kj::heap<FileImpl>(kj::addRef(*found.place.file)))
                               : makeNode(kj::mv(found));
  if (ticket.access == rpc::Access::LIST) node = capnp::membrane(kj::mv(node), kj::refcounted<ListingOnly>());
  results.setObject(kj::mv(node));
}

}  // namespace

kj::Promise<void> sealNode(NodePlace place, Ticket::Kind kind, SealContext context) {
  auto options = context.getParams().getOptions();
  const auto access = grantedAccess(options.getAccess());
  const auto wanted = std::chrono::seconds(options.getLifetimeSeconds());
  const auto lifetime = wanted.count() == 0 ? usualLifetime : std::min(wanted, longestLifetime);
  context.releaseParams();
  return findNode(kj::mv(place)).then([context, kind, access, lifetime](FoundNode found) mutable {
    guarded([&] {
      auto& file = *found.place.file;
      auto& session = file.session();
      Ticket ticket{session.principal->identity(), std::chrono::steady_clock::now() + lifetime, access, kind, file.requestedPath(),
                    file.below(), found.place.path, found.place.token == nullptr ? Bytes() : *found.place.token,
                    found.info->id, found.version->version()};
      context.getResults().setTicket(wire::asData(session.server.tickets.seal(ticket)));
    });
  });
}

kj::Promise<void> restoreNode(kj::Own<ConnectionState> connection, kj::Own<const Principal> principal,
                              RestoreContext context) {
  return guarded([&] {
    auto ticket = kj::heap<Ticket>(
        ticketOf(connection->server.tickets, principal->identity(), context.getParams().getTicket()));
    context.releaseParams();
    auto session = kj::refcounted<SessionState>(kj::mv(connection), kj::mv(principal));
    auto opening = OpenFile::open(*session, ticket->file, ticket->below);
    auto restoring = opening.then([&ticket = *ticket](kj::Own<OpenFile> file) { return findSealed(kj::mv(file), ticket); })
                         .then([&ticket = *ticket, context](FoundNode found) mutable {
                           auto& file = *found.place.file;
                           return file.info(*found.version)
                               .then([&ticket, context, found = kj::mv(found)](FileInfo info) mutable {
                                 guarded([&] { writeRestored(ticket, kj::mv(found), info, context); });
                               });
                         });
    return restoring.attach(kj::mv(ticket), kj::mv(session));
  });
}

}  // namespace h5cap
