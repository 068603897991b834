#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "command.h"
#include "element-text.h"
#include "h5cap/printable.h"
#include "output.h"
#include "target.h"
#include "walk.h"

namespace h5cap::cli {
namespace {

void listDirectory(const std::vector<DirectoryEntry>& entries, bool isLong) {
  for (const DirectoryEntry& entry : entries) {
    if (isLong) {
      constexpr std::int64_t NANOSECONDS = 1'000'000'000;
      std::time_t seconds = entry.modifiedNs / NANOSECONDS;
      std::string size = entry.isDirectory ? "-" : std::to_string(entry.size);
      print(fmt::format("{:>15}  {:%Y-%m-%d %H:%M}  ", size, fmt::localtime(seconds)));
    }
    print(printable(entry.name) + (entry.isDirectory ? "/\n" : "\n"));
  }
}

void listGroup(const Group& group, bool isLong) {
  for (const Child& child : children(group, isLong ? Describe::yes : Describe::no)) {
    std::string line = isLong ? fmt::format("{:<9} ", child.kindWord) : "";
    line += printable(child.link.name) + (child.isGroup && !isLong ? "/" : "") + linkTargetText(child.link);
    if (isLong && !child.summary.empty()) line += "  " + child.summary;
    print(line + "\n");
  }
}

}  // namespace

void runLs(const Arguments& arguments) {
  constexpr std::uint32_t SNAPSHOT_BYTES = 1 << 18;
  Target target = connectTarget(arguments);
  FileOrDirectory found = openEither(target, SNAPSHOT_BYTES);
  if (!found.file) return listDirectory(found.entries, arguments.isLong);
  std::string path = objectPath(target);
  Node node = found.file->node(path);
  if (node.info()->kind != NodeKind::group) {
    print(fmt::format("{}  {}\n", printable(path), summary(*node.info())));
  } else {
    listGroup(found.file->group(path), arguments.isLong);
  }
}

}  // namespace h5cap::cli
