// Datasets: reading, within the budgets of the connection and the server.
#pragma once

#include "server/objects/node-impl.h"

namespace h5cap {

class DatasetImpl final : public NodeMethods<rpc::Dataset> {
 public:
  using NodeMethods::NodeMethods;

  kj::Promise<void> read(ReadContext context) override;
  kj::Promise<void> missingSources(MissingSourcesContext context) override;
  kj::Promise<void> write(WriteContext) override { return notServed("writing"); }
};

}  // namespace h5cap
