// Tickets: what an office seals it opens as it was, and nothing else.
#include "from-bytes.h"
#include "fuzz.h"
#include "server/session/ticket.h"

using namespace h5cap;
using namespace h5cap::fuzz;

namespace {

Ticket ticketOf(FromBytes& from) {
  Ticket ticket;
  ticket.holder = {static_cast<Authentication>(from.upTo(2)), from.text(), static_cast<std::uint32_t>(from.number())};
  using Clock = std::chrono::steady_clock;
  ticket.ends = Clock::time_point(Clock::duration(static_cast<Clock::duration::rep>(from.number())));
  ticket.access = from.flag() ? rpc::Access::WRITE : rpc::Access::READ;
  ticket.kind = from.flag() ? Ticket::Kind::file : Ticket::Kind::node;
  ticket.file = from.text();
  ticket.below = from.text();
  ticket.path = from.text();
  auto token = from.take(from.upTo(9));
  ticket.token.assign(token.begin(), token.end());
  ticket.object = from.number();
  auto version = from.take(from.upTo(9));
  ticket.version.assign(version.begin(), version.end());
  return ticket;
}

// Nobody can make or change one: what opens is, byte for byte, what was sealed.
void insistAuthentic(const TicketOffice& office, const Bytes& tried, const Bytes& sealed) {
  insist(office.open(tried).has_value() == (tried == sealed), "a ticket opens just when it was sealed so");
}

void damage(FromBytes& from, Bytes& sealed) {
  for (unsigned n = 1 + from.upTo(4); n > 0; --n) {
    const std::size_t at = sealed.empty() ? 0 : from.raw64() % sealed.size();
    switch (from.upTo(3)) {
      case 0:
        sealed.resize(at);
        break;
      case 1: {
        auto more = from.take(from.upTo(16));
        sealed.insert(sealed.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
        break;
      }
      default:
        if (!sealed.empty()) sealed[at] ^= std::byte{from.byte()};
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TicketOffice office, other;
  FromBytes from(data, size);
  accepts([&] {
    const Ticket ticket = ticketOf(from);
    const Bytes sealed = office.seal(ticket);
    const auto opened = office.open(sealed);
    insist(opened.has_value(), "a sealed ticket opens");
    insist(office.seal(*opened) == sealed, "a ticket opens as it was sealed");
    insist(!office.areOfAnotherRun(sealed), "an office knows its own tickets");
    insist(!other.open(sealed), "no other office opens it");
    Bytes tried = sealed;
    damage(from, tried);
    insistAuthentic(office, tried, sealed);
    office.areOfAnotherRun(tried);
  });
  auto* bytes = reinterpret_cast<const std::byte*>(data);
  insist(!office.open({bytes, size}), "bytes from elsewhere are no ticket");
  office.areOfAnotherRun({bytes, size});
  return 0;
}
