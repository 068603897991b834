// A snapshot as bytes, for whoever keeps it from one time to the next: its version, and the message that it came in.
#pragma once

#include <memory>
#include <vector>

#include <h5cap/objects.capnp.h>

#include "h5cap/node.h"

namespace h5cap::detail {

struct KeptSnapshot {
  Version version;
  std::vector<NodeInfo> nodes;
};

Bytes bytesOf(const Version& version, rpc::Snapshot::Reader snapshot);

// Null for what `bytesOf` did not make: bytes of another version of this program, perhaps.
std::shared_ptr<const KeptSnapshot> tryReadSnapshot(const Bytes& bytes);

}  // namespace h5cap::detail
