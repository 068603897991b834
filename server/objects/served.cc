#include "server/objects/served.h"

namespace h5cap {

const char* nodeInterfaceName(std::uint64_t interfaceId) {
  if (interfaceId == capnp::typeId<rpc::Node>()) return "a node";
  if (interfaceId == capnp::typeId<rpc::Group>()) return "a group";
  if (interfaceId == capnp::typeId<rpc::File>()) return "a file";
  if (interfaceId == capnp::typeId<rpc::Dataset>()) return "a dataset";
  if (interfaceId == capnp::typeId<rpc::NamedType>()) return "a named datatype";
  return nullptr;
}

}  // namespace h5cap
