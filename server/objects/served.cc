#include "server/objects/served.h"

namespace h5cap {

Handle::Handle(ConnectionState& connection) : connection_(kj::addRef(connection)) {
  if (connection.handles >= connection.server.limits.handlesPerConnection)
    raiseKj(ErrorCode::busy, "this connection holds " + std::to_string(connection.handles) + " objects; drop some");
  ++connection.handles;
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
