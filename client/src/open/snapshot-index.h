// The part of a file's tree that came with the reply to openFile, for walking paths without asking.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "h5cap/node.h"

namespace h5cap::detail {

using SharedNodeInfo = std::shared_ptr<const NodeInfo>;

// "/entry//data/./x" → {entry, data, x}: HDF5 ignores empty components and ".", and gives ".." no meaning.
std::vector<std::string> components(const std::string& path);
std::string joinPath(const std::string& base, const std::string& path);

class SnapshotIndex {
 public:
  explicit SnapshotIndex(std::vector<NodeInfo> nodes);

  struct Ask {};                       // the snapshot does not tell
  struct Missing { std::string what; };  // it tells that there is no such object
  using Found = std::variant<Ask, Missing, SharedNodeInfo>;

  // The object at an absolute path, through hard and soft links.
  Found find(const std::string& path) const;

 private:
  SharedNodeInfo byId(ObjectId id) const;

  SharedNodeInfo root_;
  std::unordered_map<ObjectId, SharedNodeInfo> nodes_;
};

// The link of that name among those of a group that lists all of its links; null when there is none.
const Link* findLink(const NodeInfo& group, const std::string& name);

}  // namespace h5cap::detail
