// Who asks.
//
// A principal is a user as the transport or a credential has shown them, with what they may take of the server.  It
// outlives connections, and several connections and sessions may be one principal's.
#pragma once

#include <kj/mutex.h>
#include <kj/refcount.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "server/base/stock.h"

namespace h5cap {

enum class Authentication { none, unixPeer, standardStreams };

struct Identity {
  Authentication method = Authentication::none;
  std::string user;         // an account's name, or "anyone"
  std::uint32_t uid = ~0u;  // of a Unix peer
  friend auto operator<=>(const Identity&, const Identity&) = default;
};

enum class PrincipalId : std::uint64_t {};  // whose work it is, for fairness

// What all principals share.
struct PrincipalStocks {
  Stock descriptors;  // of files
  Stock handleBytes;  // of objects that peers hold
  Stock answerBytes;  // that peers have not taken, or taken and not released
};

// Safe from all threads.
class Principal : public kj::AtomicRefcounted {
 public:
  Principal(Identity identity, PrincipalId id, const PrincipalStocks& stocks)
      : identity_(std::move(identity)), id_(id), descriptors_(stocks.descriptors), handleBytes_(stocks.handleBytes),
        answerBytes_(stocks.answerBytes) {}

  const Identity& identity() const { return identity_; }
  PrincipalId id() const { return id_; }
  const Share& descriptors() const { return descriptors_; }
  const Share& handleBytes() const { return handleBytes_; }
  const Share& answerBytes() const { return answerBytes_; }

 private:
  const Identity identity_;
  const PrincipalId id_;
  const Share descriptors_;
  const Share handleBytes_;
  const Share answerBytes_;
};

// The principals that are there.  Safe from all threads.
class Principals {
 public:
  explicit Principals(PrincipalStocks stocks) : stocks_(std::move(stocks)) {}

  // The principal that an identity stands for: one as long as anybody holds it.  Nothing tells two peers apart whom
  // nothing authenticates, so each of them is a principal of its own.
  kj::Own<const Principal> of(const Identity& identity) const;

  const PrincipalStocks& stocks() const { return stocks_; }

 private:
  struct Known {
    std::map<Identity, kj::Own<const Principal>> byIdentity;
    std::uint64_t last = 0;
  };

  const PrincipalStocks stocks_;
  kj::MutexGuarded<Known> known_;
};

}  // namespace h5cap
