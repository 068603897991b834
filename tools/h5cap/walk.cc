#include "walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "element-text.h"
#include "h5cap/printable.h"

namespace h5cap::cli {
namespace {

constexpr std::size_t AT_ONCE = 256;  // descriptions under way

std::string joined(const std::string& group, const std::string& name) {
  return group.empty() || group.back() != '/' ? group + "/" + name : group + name;
}

std::string linkWord(const Link& link) {
  if (auto hard = std::get_if<HardLink>(&link.target))
    return hard->kind == NodeKind::unknown ? "" : kindText(hard->kind);
  if (std::holds_alternative<SoftLink>(link.target)) return "soft";
  return std::holds_alternative<ExternalLink>(link.target) ? "external" : "other";
}

// One damaged object leaves the rest of the listing readable; a lost connection does not.
void describeChild(Child& child) {
  try {
    const auto info = child.node->info();
    child.isGroup = info->kind == NodeKind::group;
    child.kindWord = kindText(info->kind);
    child.summary = child.isGroup ? "" : summary(*info);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::disconnected || error.code() == ErrorCode::deadline) throw;
    child.summary = printable(error.what());
    if (child.kindWord.empty()) child.kindWord = "unknown";
  }
}

}  // namespace

std::string summary(const NodeInfo& info) {
  if (info.problem) return printable(info.problem->message);
  if (info.dataset) return spaceText(info.dataset->space) + " " + printable(describe(info.dataset->type));
  if (info.type) return printable(describe(*info.type));
  return fmt::format("{} link{}", info.linkCount, info.linkCount == 1 ? "" : "s");
}

std::vector<Child> children(const Group& group, Describe describe) {
  std::vector<Child> result;
  for (Link& link : group.links()) {
    Child child;
    child.kindWord = linkWord(link);
    if (auto hard = std::get_if<HardLink>(&link.target)) child.isGroup = hard->kind == NodeKind::group;
    child.link = std::move(link);
    result.push_back(std::move(child));
  }
  for (std::size_t first = 0; first < result.size(); first += AT_ONCE) {
    std::size_t end = std::min(result.size(), first + AT_ONCE);
    for (std::size_t i = first; i < end; ++i) {
      auto hard = std::get_if<HardLink>(&result[i].link.target);
      if (!hard || (describe == Describe::no && hard->kind != NodeKind::unknown)) continue;
      result[i].node = group.node(joined(group.path(), result[i].link.name));
    }
    for (std::size_t i = first; i < end; ++i) {
      if (result[i].node) describeChild(result[i]);
    }
  }
  return result;
}

}  // namespace h5cap::cli
