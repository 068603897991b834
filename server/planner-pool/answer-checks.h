// What a planner says of trees and lists, which the front passes on as it stands, is checked here before: a planner may
// have been taken over by its file.  What the front reads for itself is checked where it is read (core/wire.h).
//
// Everything throws FileError (fileProblem).  A check costs at most what reading the answer costs, and no round trip.
#pragma once

#include <h5cap/planner.capnp.h>

#include <cstdint>
#include <string>

namespace h5cap {

// The node that was asked for.
void checkNode(rpc::NodeInfo::Reader node, std::uint64_t id);

// At most `limit` links or attributes, in the order of their names and all behind `cursor`; the next page begins behind
// the last of them, so that pages end.
void checkLinks(rpc::PlannerReply::Links::Reader links, const std::string& cursor, std::uint32_t limit);
void checkAttributes(rpc::PlannerReply::Attributes::Reader attributes, const std::string& cursor, std::uint32_t limit);

void checkAttribute(rpc::Attribute::Reader attribute, const std::string& name);

// A tree from `root` on, each node of it once; `maxBytes` is what was asked for.  What the nodes hold is not looked at:
// the front makes nothing of it, clients check it as they do whatever a server says, and it was a fifth of what opening
// a file costs the front.
void checkSnapshot(rpc::Snapshot::Reader snapshot, std::uint64_t root, std::uint64_t maxBytes);

// Whether a snapshot takes long enough to check that it is a matter for a thread.
bool isLargeSnapshot(rpc::Snapshot::Reader snapshot);

}  // namespace h5cap
