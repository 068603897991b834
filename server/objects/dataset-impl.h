// Datasets: reading, within the budgets of the caller and the server.
#pragma once

#include "server/objects/node-impl.h"

namespace h5cap {

class DatasetImpl final : public NodeMethods<rpc::Dataset> {
 public:
  using NodeMethods::NodeMethods;

  kj::Promise<void> read(ReadContext context) override;
  kj::Promise<void> missingSources(MissingSourcesContext context) override;
};

}  // namespace h5cap
