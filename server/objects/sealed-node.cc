#include "server/objects/sealed-node.h"

#include <algorithm>

#include "server/objects/group-impl.h"

namespace h5cap {
namespace {

constexpr std::chrono::seconds usualLifetime = std::chrono::hours(24);
constexpr std::chrono::seconds longestLifetime = std::chrono::hours(24 * 30);

// Of an object with the rights `own`: `none` keeps them, and more is not to be had.
rpc::Access sealedAccess(rpc::Access own, rpc::Access wanted) {
  if (wanted > rpc::Access::READ)
    raiseKj(ErrorCode::denied, "a ticket cannot allow more than the object: it may be read");
  return wanted == rpc::Access::NONE ? own : std::min(own, wanted);
}

[[noreturn]] void refuse() {
  raiseKj(ErrorCode::denied, "the ticket is none of this server's, has ended, or is another user's");
}

Ticket ticketOf(const TicketOffice& office, const Identity& identity, capnp::Data::Reader data) {
  const auto sealed = std::as_bytes(std::span(data.begin(), data.size()));
  if (office.areOfAnotherRun(sealed))
    raiseKj(ErrorCode::unknownTicket, "the ticket is of another run of the server: open by path");
  auto ticket = office.open(sealed);
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
    return version.info().then(
        [&version, wanted](std::shared_ptr<const FileInfo>) { return version.satisfies(wanted); });
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

void writeRestored(Caller& caller, const Ticket& ticket, FoundNode found, const FileInfo& info,
                   RestoreContext context) {
  auto results = context.getResults();
  wire::write(*found.info, results.initInfo());
  wire::write(info, results.initFile());
  Grant grant = found.place.file->grant().narrowedTo(ticket.access);
  if (ticket.kind == Ticket::Kind::file)
    results.setObject(handOut<FileImpl>(caller, std::move(grant), kj::mv(found.place.file)));
  else
    results.setObject(makeNode(caller, std::move(grant), kj::mv(found)));
}

}  // namespace

kj::Promise<void> sealNode(NodePlace place, Ticket::Kind kind, rpc::Access rights, SealContext context) {
  auto options = context.getParams().getOptions();
  const auto access = sealedAccess(rights, options.getAccess());
  const auto wanted = std::chrono::seconds(options.getLifetimeSeconds());
  const auto lifetime = wanted.count() == 0 ? usualLifetime : std::min(wanted, longestLifetime);
  context.releaseParams();
  return findNode(kj::mv(place)).then([context, kind, access, lifetime](FoundNode found) mutable {
    guarded([&] {
      auto& file = *found.place.file;
      auto& session = file.session();
      Ticket ticket{session.principal->identity(), std::chrono::steady_clock::now() + lifetime, access, kind,
                    file.requestedPath(), file.below(), found.place.path,
                    found.place.token == nullptr ? Bytes() : *found.place.token,
                    found.info->id, found.version->version()};
      context.getResults().setTicket(wire::asData(session.server.tickets.seal(ticket)));
    });
  });
}

kj::Promise<void> restoreNode(Caller& caller, RestoreContext context) {
  return guarded([&] {
    auto ticket = kj::heap<Ticket>(
        ticketOf(caller.server.tickets, caller.principal->identity(), context.getParams().getTicket()));
    context.releaseParams();
    auto session = kj::refcounted<SessionState>(caller);
    auto opening = OpenFile::open(*session, ticket->file, ticket->below, ticket->access);
    auto restoring = opening
                         .then([&ticket = *ticket](kj::Own<OpenFile> file) { return findSealed(kj::mv(file), ticket); })
                         .then([&caller, &ticket = *ticket, context](FoundNode found) mutable {
                           auto& file = *found.place.file;
                           return file.info(*found.version)
                               .then([&caller, &ticket, context, found = kj::mv(found)](FileInfo info) mutable {
                                 guarded([&] { writeRestored(caller, ticket, kj::mv(found), info, context); });
                               });
                         });
    return restoring.attach(kj::mv(ticket), kj::mv(session));
  });
}

}  // namespace h5cap
