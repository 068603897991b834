// Committed datatypes.
#pragma once

#include "server/objects/node-impl.h"

namespace h5cap {

class NamedTypeImpl final : public NodeMethods<rpc::NamedType> {
 public:
  using NodeMethods::NodeMethods;

  kj::Promise<void> type(TypeContext context) override;
};

}  // namespace h5cap
