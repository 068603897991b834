#include "server/objects/served.h"

namespace h5cap {

Handle::Handle(ConnectionState& connection) : connection_(kj::addRef(connection)) {
  if (connection.handles >= connection.server.limits.handlesPerConnection)
    raiseKj(ErrorCode::busy, "this connection holds " + std::to_string(connection.handles) + " objects; drop some");
  if (++connection.handles > connection.server.limits.hoard) connection.hoarded = true;
}

void refuseOverBudget(const ConnectionState& connection) {
  const ObjectLimits& limits = connection.server.limits;
  if (connection.heldAnswers > limits.heldAnswers)
    raiseKj(ErrorCode::busy, "this connection keeps " + std::to_string(connection.heldAnswers) +
                                 " answers; release (Finish) some");
  if (connection.answerBytes > limits.heldAnswerBytes)
    raiseKj(ErrorCode::busy, "this connection keeps " + std::to_string(connection.answerBytes >> 20) +
                                 " MiB of answers; release (Finish) some");
}

bool takesTurns(std::uint64_t interfaceId) {
  return interfaceId != capnp::typeId<rpc::Dataset>() && interfaceId != capnp::typeId<rpc::Session>();
}

kj::Promise<kj::Own<Quota::Lease>> whenTurn(ConnectionState& connection) {
  return connection.calls->take(1).then([&connection](kj::Own<Quota::Lease> turn) {
    // Only that there is room matters here: what the answer will take is not known yet.
    return connection.replyBytes->take(1).then([turn = kj::mv(turn)](kj::Own<Quota::Lease>) mutable {
      return kj::mv(turn);
    });
  });
}

const char* nodeInterfaceName(std::uint64_t interfaceId) {
  if (interfaceId == capnp::typeId<rpc::Node>()) return "a node";
  if (interfaceId == capnp::typeId<rpc::Group>()) return "a group";
  if (interfaceId == capnp::typeId<rpc::File>()) return "a file";
  if (interfaceId == capnp::typeId<rpc::Dataset>()) return "a dataset";
  if (interfaceId == capnp::typeId<rpc::NamedType>()) return "a named datatype";
  return nullptr;
}

bool isNodeInterface(std::uint64_t interfaceId) { return nodeInterfaceName(interfaceId) != nullptr; }

}  // namespace h5cap
