#include "server/planner-pool/answer-checks.h"

#include <unordered_set>

#include "core/wire-checks.h"
#include "core/wire.h"
#include "h5cap/error.h"

namespace h5cap {
namespace {

constexpr std::uint64_t snapshotSlack = 4096;  // bytes of what is no node
constexpr std::uint64_t manyNodes = 256;

[[noreturn]] void refuse(const char* what) { throw FileError(std::string("the planner ") + what); }

std::string textOf(capnp::Data::Reader data) { return {reinterpret_cast<const char*>(data.begin()), data.size()}; }

template <class Names>
void checkPage(const Names& names, const std::string& cursor, std::uint32_t limit, capnp::Data::Reader next,
               std::uint64_t total) {
  if (names.size() > limit || names.size() > total) refuse("lists more than there is, or than it was asked for");
  const std::string* before = cursor.empty() ? nullptr : &cursor;
  for (const auto& item : names) {
    const bool isBehind = before == nullptr || (before == &cursor ? *before < item.name : *before <= item.name);
    if (!isBehind) refuse("lists names in no order");
    before = &item.name;
  }
  if (next.size() > 0 && (names.empty() || textOf(next) != names.back().name)) refuse("says that a list never ends");
}

}  // namespace

void checkNode(rpc::NodeInfo::Reader node, std::uint64_t id) {
  if (wire::read(node).id != id) refuse("described another object");
}

void checkLinks(rpc::PlannerReply::Links::Reader links, const std::string& cursor, std::uint32_t limit) {
  checkPage(wire::readLinks(links.getPage()), cursor, limit, links.getNext(), links.getTotal());
}

void checkAttributes(rpc::PlannerReply::Attributes::Reader attributes, const std::string& cursor, std::uint32_t limit) {
  checkPage(wire::readAttributes(attributes.getAttributePage()), cursor, limit, attributes.getAttributeNext(),
            attributes.getAttributeTotal());
}

void checkAttribute(rpc::Attribute::Reader attribute, const std::string& name) {
  if (wire::read(attribute).name != name) refuse("read another attribute");
}

void checkSnapshot(rpc::Snapshot::Reader snapshot, std::uint64_t root, std::uint64_t maxBytes) {
  if (snapshot.totalSize().wordCount * sizeof(capnp::word) > maxBytes + snapshotSlack)
    refuse("sent a larger tree than it was asked for");
  auto nodes = wire::counted<rpc::NodeInfo>(snapshot.getNodes());
  if (nodes.size() == 0 || nodes[0].getId() != root) refuse("sent a tree without its root");
  std::unordered_set<std::uint64_t> seen;
  seen.reserve(nodes.size());
  for (auto node : nodes)
    if (!seen.insert(node.getId()).second) refuse("sent a tree with an object twice");
}

bool isLargeSnapshot(rpc::Snapshot::Reader snapshot) { return snapshot.getNodes().size() > manyNodes; }

}  // namespace h5cap
