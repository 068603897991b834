// Which methods are served, what each needs, and what it takes: the allow-list that every call is checked against.
//
// A method that is added to a schema is refused until it stands here.
#pragma once

#include <capnp/any.h>
#include <h5cap/types.capnp.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace h5cap {

// As Cap'n Proto numbers methods.
struct MethodId {
  std::uint64_t interfaceId = 0;
  std::uint16_t ordinal = 0;
  friend auto operator<=>(const MethodId&, const MethodId&) = default;
};

// What a call waits for before it begins.  Turns are the calling connection's.
enum class Turn {
  none,  // does no work
  call,  // few enough calls under way, and few enough bytes waiting to be taken by the peer
  read,  // few enough reads under way; they look after their bytes themselves
};

struct MethodRule {
  MethodId method;
  rpc::Access needs = rpc::Access::ADMINISTER;
  Turn turn = Turn::call;

  // What a caller allows this call, waiting for its turn included; zero leaves it to the server.  Null for a method
  // without a limit.
  using TimeAllowed = std::chrono::milliseconds (*)(capnp::AnyPointer::Reader params);
  TimeAllowed timeAllowed = nullptr;
};

class MethodTable {
 public:
  // Looks the ordinals up in the compiled schemas.  Throws kj::Exception when one of them lacks a method.
  MethodTable();

  // Null for a method that is not served.
  const MethodRule* find(MethodId method) const;

 private:
  std::vector<MethodRule> rules_;  // by method
};

}  // namespace h5cap
