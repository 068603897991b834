#include <fmt/format.h>

#include <map>

#include "attribute-text.h"
#include "command.h"
#include "element-text.h"
#include "h5cap/printable.h"
#include "output.h"
#include "target.h"
#include "walk.h"

namespace h5cap::cli {
namespace {

constexpr std::size_t MAX_DEPTH = 500;  // as deep as any real file, and far from the end of the stack

class Tree {
 public:
  explicit Tree(bool showAttributes) : showAttributes_(showAttributes) {}

  void showGroup(const Group& group, const std::string& indent, std::size_t depth) {
    seen_.emplace(group.info()->id, group.path());
    if (showAttributes_) showAttributes(group, indent, group.info()->linkCount > 0);
    std::vector<Child> all = children(group, Describe::yes);
    for (std::size_t i = 0; i < all.size(); ++i) {
      bool isLast = i + 1 == all.size();
      showChild(group, all[i], indent, isLast, depth);
    }
  }

  void showAttributes(const Node& node, const std::string& indent, bool moreFollows) {
    for (const Attribute& attribute : node.attributes().list()) {
      print(fmt::format("{}{}@{} = {}\n", indent, moreFollows ? "│ " : "  ", printable(attribute.name),
                        attributeText(attribute)));
    }
  }

 private:
  void showChild(const Group& group, const Child& child, const std::string& indent, bool isLast, std::size_t depth) {
    std::string line = indent + (isLast ? "└── " : "├── ") + printable(child.link.name) + linkTargetText(child.link);
    if (!child.summary.empty()) line += "  " + child.summary;
    std::string below = indent + (isLast ? "    " : "│   ");
    if (!child.isGroup || !child.node) {
      print(line + "\n");
      if (showAttributes_ && child.node && child.kindWord != "unknown") showAttributes(*child.node, below, false);
      return;
    }
    auto earlier = seen_.find(child.node->info()->id);
    if (earlier != seen_.end()) {
      print(line + "  (same group as " + printable(earlier->second) + ")\n");
    } else if (depth >= MAX_DEPTH) {
      print(line + "  (deeper than this listing goes)\n");
    } else {
      print(line + "\n");
      showGroup(group.group(child.node->path()), below, depth + 1);
    }
  }

  std::map<ObjectId, std::string> seen_;  // groups already shown: where hard links close a circle, it ends
  bool showAttributes_;
};

}  // namespace

void runTree(const Arguments& arguments) {
  constexpr std::uint32_t SNAPSHOT_BYTES = 4 << 20;
  Target target = connectTarget(arguments);
  File file = openFile(target, SNAPSHOT_BYTES);
  std::string path = objectPath(target);
  Node node = file.node(path);
  Tree tree(arguments.showAttributes);
  std::string head = path == "/" ? target.path : path;
  if (node.info()->kind == NodeKind::group) {
    print(printable(head) + "\n");
    tree.showGroup(file.group(path), "", 0);
  } else {
    print(printable(head) + "  " + summary(*node.info()) + "\n");
    if (arguments.showAttributes) tree.showAttributes(node, "", false);
  }
}

}  // namespace h5cap::cli
