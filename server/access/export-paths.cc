#include "server/access/export-paths.h"

#include <algorithm>
#include <stdexcept>

#include "h5cap/error.h"

namespace h5cap {

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    std::size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::size_t from) {
  std::string path;
  for (std::size_t i = from; i < parts.size(); ++i) path += (i > from ? "/" : "") + parts[i];
  return path.empty() ? "." : path;
}

namespace {

// Without "..", which above the root means the root, as in POSIX.
std::vector<std::string> normalised(std::vector<std::string> host) {
  std::vector<std::string> parts;
  for (auto& part : host) {
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return parts;
}

std::vector<std::string> normalised(const std::string& hostPath) { return normalised(components(hostPath)); }

bool startsWith(const std::vector<std::string>& parts, const std::vector<std::string>& beginning) {
  return beginning.size() <= parts.size() && std::equal(beginning.begin(), beginning.end(), parts.begin());
}

}  // namespace

bool isRoot(const std::string& path) {
  return path.find('\0') == std::string::npos && components(path).empty() && (path.empty() || path[0] != '/');
}

ExportTable::ExportTable(std::vector<Export> exports)
    : exports_(std::move(exports)), wholeFilesystem_(exports_.size() == 1 && exports_[0].name.empty()) {
  std::sort(exports_.begin(), exports_.end(), [](const Export& a, const Export& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < exports_.size(); ++i) {
    if (exports_[i].name == exports_[i - 1].name) {
      throw std::invalid_argument("two folders are to be served as " + exports_[i].name + ": name them NAME=DIR");
    }
  }
}

ExportPath ExportTable::locate(const std::string& path) const {
  if (path.find('\0') != std::string::npos) throw NotFound("a path with a NUL character: no such file or directory");
  auto parts = components(path);
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) {
    throw Denied(path + ": paths with '..' are not allowed");
  }
  if (wholeFilesystem_) return ExportPath{&exports_.front(), join(parts)};
  if (!path.empty() && path[0] == '/') {
    throw NotFound(path + ": paths begin with the name of an export, without a slash");
  }
  auto found = std::find_if(exports_.begin(), exports_.end(),
                            [&](const Export& one) { return !parts.empty() && one.name == parts.front(); });
  if (found == exports_.end()) throw NotFound(path + ": no such file or directory");
  return ExportPath{&*found, join(parts, 1)};
}

std::string ExportTable::name(const ExportPath& place) const {
  if (place.inside == ".") return wholeFilesystem_ ? "/" : place.exported->name;
  return place.exported->name + "/" + place.inside;
}

std::optional<ExportPath> ExportTable::holding(const std::vector<std::string>& host, const Export& preferred) const {
  const auto plain = normalised(host);
  std::optional<ExportPath> found;
  std::size_t foundDepth = 0;
  for (const Export& one : exports_) {
    auto folder = components(one.folder);
    // ".." behind the folder is left to whoever knows the symbolic links there.
    const auto& path = startsWith(host, folder) ? host : plain;
    if (!startsWith(path, folder) || !startsWith(plain, folder)) continue;
    ExportPath place{&one, join(path, folder.size())};
    if (&one == &preferred) return place;
    if (!found || folder.size() > foundDepth) {
      found = std::move(place);
      foundDepth = folder.size();
    }
  }
  return found;
}

Places ExportTable::candidates(const std::string& from, const std::string& name, Search search) const {
  Places found{{}, Outside::none};
  if (name.empty() || name.find('\0') != std::string::npos) return found;
  // Every place in the exports that a path of the host has; the narrowest export first.
  auto add = [&](const std::vector<std::string>& host) {
    std::vector<std::pair<std::size_t, std::string>> places;
    for (const Export& one : exports_) {
      for (const std::string& known : {one.folder, one.asGiven}) {
        if (known.empty()) continue;
        auto folder = normalised(known);
        if (!startsWith(host, folder)) continue;
        places.emplace_back(folder.size(), this->name(ExportPath{&one, join(host, folder.size())}));
        break;
      }
    }
    if (places.empty()) found.outside = Outside::some;
    std::stable_sort(places.begin(), places.end(), [](auto& a, auto& b) { return a.first > b.first; });
    for (auto& [depth, path] : places) found.add(path);
  };
  ExportPath here = locate(from);
  std::string file = here.exported->folder + "/" + here.inside;
  std::string beside = file.substr(0, file.rfind('/') + 1);
  if (name[0] == '/') {
    auto host = normalised(name);
    add(host);
    if (search == Search::beside && !host.empty()) add(normalised(beside + host.back()));
  } else {
    add(normalised(beside + name));
  }
  return found;
}

}  // namespace h5cap
