#include "server/planner/resolve.h"

#include <deque>

#include "h5cap/error.h"
#include "server/planner/link-list.h"

namespace h5cap::hdf5 {

namespace {

std::deque<std::string> componentsOf(const std::string& path) {
  std::deque<std::string> components;
  std::size_t at = 0;
  while (at < path.size()) {
    std::size_t end = std::min(path.find('/', at), path.size());
    std::string component = path.substr(at, end - at);
    if (!component.empty() && component != ".") components.push_back(std::move(component));
    at = end + 1;
  }
  return components;
}

std::string joined(const std::deque<std::string>& components) {
  std::string path;
  for (const std::string& component : components) path += (path.empty() ? "" : "/") + component;
  return path;
}

bool isAbsolute(const std::string& path) { return !path.empty() && path[0] == '/'; }

}  // namespace

Resolved resolvePath(const OpenFile& file, ObjectId base, const std::string& path, Follow followLast,
                     unsigned maxLinks) {
  unsigned linksLeft = maxLinks;
  auto follow = [&](const std::string& component) {
    // libhdf5's words.
    if (linksLeft == 0) throw Failed("too many links: " + path + " (at '" + component + "')");
    --linksLeft;
  };
  ObjectId at = isAbsolute(path) ? file.info().rootId : base;
  std::deque<std::string> left = componentsOf(path);
  while (!left.empty()) {
    std::string component = std::move(left.front());
    left.pop_front();
    Handle group = file.object(at);
    if (H5Iget_type(group.get()) != H5I_GROUP) return ResolvedMissing{component};
    std::optional<LinkName> found = findLink(group.get(), component);
    if (!found) return ResolvedMissing{component};
    Link link = readLink(group.get(), *found);
    if (left.empty() && followLast == Follow::no) return link;
    if (const auto* hard = std::get_if<HardLink>(&link.target)) {
      at = hard->target;
    } else if (const auto* soft = std::get_if<SoftLink>(&link.target)) {
      follow(component);
      if (isAbsolute(soft->path)) at = file.info().rootId;
      std::deque<std::string> target = componentsOf(soft->path);
      left.insert(left.begin(), target.begin(), target.end());
    } else if (const auto* external = std::get_if<ExternalLink>(&link.target)) {
      follow(component);
      return ResolvedExternal{*external, joined(left), linksLeft};
    } else {
      // As libhdf5 says it of a class that nobody registered.
      throw NotFound("unable to find link class " + std::to_string(std::get<UserDefinedLink>(link.target).linkClass) +
                     " of '" + component + "'");
    }
  }
  return ResolvedNode{at};
}

}  // namespace h5cap::hdf5
