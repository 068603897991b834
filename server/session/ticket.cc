#include "server/session/ticket.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "h5cap/error.h"

namespace h5cap {

namespace {

// Every ticket begins with it; another layout gets another one.
constexpr std::uint32_t LAYOUT = 0x31546335;
constexpr std::size_t MAX_TICKET_BYTES = 1 << 20;

class Writer {
 public:
  template <class Number>
  void number(Number value) {
    auto* bytes = reinterpret_cast<const std::byte*>(&value);
    statement.insert(statement.end(), bytes, bytes + sizeof value);
  }
  void bytes(const void* data, std::size_t size) {
    number(static_cast<std::uint32_t>(size));
    auto* begin = static_cast<const std::byte*>(data);
    statement.insert(statement.end(), begin, begin + size);
  }
  void text(const std::string& value) { bytes(value.data(), value.size()); }

  Bytes statement;
};

// Of a statement that is authentic, so that what it says of itself is true; checked all the same.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> statement) : left_(statement) {}

  template <class Number>
  Number number() {
    Number value{};
    auto bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> bytes() { return take(number<std::uint32_t>()); }
  std::string text() {
    auto found = bytes();
    return {reinterpret_cast<const char*>(found.data()), found.size()};
  }
  bool isAtEnd() const { return left_.empty(); }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > left_.size()) throw Denied("the ticket is cut short");
    auto taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  std::span<const std::byte> left_;
};

}  // namespace

TicketOffice::TicketOffice() {
  auto* run = reinterpret_cast<unsigned char*>(run_.data());
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1 ||
      RAND_bytes(run, static_cast<int>(run_.size())) != 1)
    throw Failed("no random numbers for a key");
}

TicketOffice::Mac TicketOffice::macOf(std::span<const std::byte> statement) const {
  Mac mac;
  unsigned size = 0;
  auto* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                    reinterpret_cast<const unsigned char*>(statement.data()), statement.size(), mac.data(), &size);
  if (made == nullptr || size != mac.size()) throw Failed("a ticket cannot be authenticated");
  return mac;
}

Bytes TicketOffice::seal(const Ticket& ticket) const {
  Writer writer;
  writer.number(LAYOUT);
  writer.number(ticket.holder.method);
  writer.number(ticket.holder.uid);
  writer.text(ticket.holder.user);
  writer.number(ticket.ends.time_since_epoch().count());
  writer.number(ticket.access);
  writer.number(ticket.kind);
  writer.text(ticket.file);
  writer.text(ticket.below);
  writer.text(ticket.path);
  writer.bytes(ticket.token.data(), ticket.token.size());
  writer.number(ticket.object);
  writer.bytes(ticket.version.data(), ticket.version.size());
  const Mac mac = macOf(writer.statement);
  Bytes sealed(runBytes + macBytes + writer.statement.size());
  std::copy(run_.begin(), run_.end(), sealed.begin());
  std::memcpy(sealed.data() + runBytes, mac.data(), macBytes);
  std::copy(writer.statement.begin(), writer.statement.end(), sealed.begin() + runBytes + macBytes);
  if (sealed.size() > MAX_TICKET_BYTES)
    throw FileError("the object's path is too long for a ticket", ErrorCode::tooLarge);
  return sealed;
}

bool TicketOffice::areOfAnotherRun(std::span<const std::byte> sealed) const {
  return sealed.size() >= runBytes + macBytes && !std::equal(run_.begin(), run_.end(), sealed.begin());
}

std::optional<Ticket> TicketOffice::open(std::span<const std::byte> sealed) const {
  if (sealed.size() < runBytes + macBytes || sealed.size() > MAX_TICKET_BYTES) return std::nullopt;
  if (!std::equal(run_.begin(), run_.end(), sealed.begin())) return std::nullopt;
  const auto statement = sealed.subspan(runBytes + macBytes);
  const Mac mac = macOf(statement);
  if (CRYPTO_memcmp(mac.data(), sealed.data() + runBytes, macBytes) != 0) return std::nullopt;
  Reader reader(statement);
  if (reader.number<std::uint32_t>() != LAYOUT) return std::nullopt;
  Ticket ticket;
  ticket.holder.method = reader.number<Authentication>();
  ticket.holder.uid = reader.number<std::uint32_t>();
  ticket.holder.user = reader.text();
  using Clock = std::chrono::steady_clock;
  ticket.ends = Clock::time_point(Clock::duration(reader.number<Clock::duration::rep>()));
  ticket.access = reader.number<rpc::Access>();
  ticket.kind = reader.number<Ticket::Kind>();
  ticket.file = reader.text();
  ticket.below = reader.text();
  ticket.path = reader.text();
  auto token = reader.bytes();
  ticket.token.assign(token.begin(), token.end());
  ticket.object = reader.number<ObjectId>();
  auto version = reader.bytes();
  ticket.version.assign(version.begin(), version.end());
  if (!reader.isAtEnd()) return std::nullopt;
  return ticket;
}

}  // namespace h5cap
