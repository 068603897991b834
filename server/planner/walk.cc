#include "server/planner/walk.h"

#include <capnp/message.h>

#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "core/wire.h"
#include "server/planner/describe.h"

namespace h5cap::hdf5 {

namespace {

std::size_t bytesOnWire(const NodeInfo& node) {
  capnp::MallocMessageBuilder message;
  wire::write(node, message.initRoot<rpc::NodeInfo>());
  return message.sizeInWords() * sizeof(capnp::word);
}

void nameTargetKinds(std::vector<NodeInfo>& nodes) {
  std::unordered_map<ObjectId, NodeKind> kinds;
  for (const NodeInfo& node : nodes) kinds.emplace(node.id, node.kind);
  for (NodeInfo& node : nodes) {
    for (Link& link : node.links) {
      auto* hard = std::get_if<HardLink>(&link.target);
      if (hard == nullptr) continue;
      auto found = kinds.find(hard->target);
      if (found != kinds.end()) hard->kind = found->second;
    }
  }
}

}  // namespace

WalkResult walk(const OpenFile& file, const WalkLimits& limits) {
  auto end = std::chrono::steady_clock::now() + limits.maxTime;
  WalkResult result;
  std::deque<ObjectId> queue{file.info().rootId};
  std::unordered_set<ObjectId> seen{file.info().rootId};
  std::size_t bytes = 0;
  while (!queue.empty()) {
    bool isRoot = result.nodes.empty();
    if (!isRoot && std::chrono::steady_clock::now() >= end) break;
    NodeInfo node = describeNode(file, queue.front(), Detail::cheap);
    bytes += bytesOnWire(node);
    if (bytes > limits.maxBytes) {
      if (!isRoot) break;
      node.links.clear();
      node.attributes.clear();
      node.linksComplete = node.attributesComplete = false;
    }
    queue.pop_front();
    if (node.linkCount > node.links.size()) result.truncated = true;
    for (const Link& link : node.links) {
      const auto* hard = std::get_if<HardLink>(&link.target);
      if (hard != nullptr && seen.insert(hard->target).second) queue.push_back(hard->target);
    }
    result.nodes.push_back(std::move(node));
  }
  if (!queue.empty()) result.truncated = true;
  nameTargetKinds(result.nodes);
  return result;
}

}  // namespace h5cap::hdf5
