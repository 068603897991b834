// A file as a capability.
#pragma once

#include <memory>

#include <h5cap/objects.capnp.h>

#include "client/src/rpc/channel.h"

namespace h5cap::detail {

struct RemoteFile {
  rpc::File::Client file = nullptr;
  std::shared_ptr<Channel> channel;  // that it is a capability on
};

}  // namespace h5cap::detail
