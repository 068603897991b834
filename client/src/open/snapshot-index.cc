#include "client/src/open/snapshot-index.h"

#include <algorithm>
#include <deque>

namespace h5cap::detail {

namespace {

// HDF5's own limit for one path; the server says what is wrong with a longer chain.
constexpr int MAX_SOFT_LINKS = 16;

}  // namespace

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    std::size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    at = end + 1;
  }
  return parts;
}

std::string joinPath(const std::string& base, const std::string& path) {
  std::string joined;
  if (path.empty() || path[0] != '/') {
    for (auto& part : components(base)) joined += "/" + part;
  }
  for (auto& part : components(path)) joined += "/" + part;
  return joined.empty() ? "/" : joined;
}

const Link* findLink(const NodeInfo& group, const std::string& name) {
  // The order is the server's word, so it only speeds the search up.
  auto found = std::lower_bound(group.links.begin(), group.links.end(), name,
                                [](const Link& link, const std::string& wanted) { return link.name < wanted; });
  if (found != group.links.end() && found->name == name) return &*found;
  found = std::find_if(group.links.begin(), group.links.end(), [&](const Link& link) { return link.name == name; });
  return found == group.links.end() ? nullptr : &*found;
}

SnapshotIndex::SnapshotIndex(std::vector<NodeInfo> nodes) {
  for (auto& node : nodes) {
    auto shared = std::make_shared<const NodeInfo>(std::move(node));
    if (!root_) root_ = shared;
    nodes_.emplace(shared->id, shared);
  }
}

SharedNodeInfo SnapshotIndex::byId(ObjectId id) const {
  auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second;
}

SnapshotIndex::Found SnapshotIndex::find(const std::string& path) const {
  auto parts = components(path);
  std::deque<std::string> rest(parts.begin(), parts.end());
  SharedNodeInfo at = root_;
  int softLinks = 0;
  while (at && !rest.empty()) {
    if (at->kind != NodeKind::group) {
      if (at->kind == NodeKind::unknown || at->problem) return Ask{};
      return Missing{path + ": no such object, as a part of the path is no group"};
    }
    if (!at->linksComplete) return Ask{};
    const Link* link = findLink(*at, rest.front());
    if (link == nullptr) return Missing{path + ": no such object ('" + rest.front() + "' is missing)"};
    rest.pop_front();
    if (auto* soft = std::get_if<SoftLink>(&link->target)) {
      if (++softLinks > MAX_SOFT_LINKS) return Ask{};
      auto target = components(soft->path);
      rest.insert(rest.begin(), target.begin(), target.end());
      if (!soft->path.empty() && soft->path[0] == '/') at = root_;
    } else if (auto* hard = std::get_if<HardLink>(&link->target)) {
      at = byId(hard->target);
    } else {
      return Ask{};
    }
  }
  if (!at) return Ask{};
  return at;
}

}  // namespace h5cap::detail
