#include "server/files/link-follower.h"

#include <algorithm>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

constexpr std::size_t maxPathBytes = 65536;

struct Walked {
  NodePlace place;
  kj::Own<FileVersion> version;
  std::shared_ptr<const Resolution> end;  // a node or a link
};

struct Step {
  kj::Own<FileVersion> version;
  std::shared_ptr<const Resolution> end;
};

[[noreturn]] void missing(const NodePlace& place, const std::string& component) {
  raiseKj(ErrorCode::notFound, place.text() + ": object '" + component + "' doesn't exist");
}

kj::Promise<Walked> walk(NodePlace place, bool followLast, unsigned linksLeft);

// Too many links behind an external link: HDF5 then says that the object is not found.
[[noreturn]] void raiseNotFound(kj::Exception&& problem) {
  ErrorText error = errorOf(problem);
  if (error.code == ErrorCode::failed) raiseKj(ErrorCode::notFound, error.message);
  kj::throwFatalException(kj::mv(problem));
}

kj::Promise<Walked> crossInto(NodePlace from, ExternalStep step, bool followLast) {
  auto& file = *from.file;
  return openTarget(file, step.file, rpc::Access::LIST)
      .then([from = kj::mv(from), step, followLast](kj::Maybe<kj::Own<OpenFile>> target) mutable {
        KJ_IF_MAYBE(opened, target) {
          std::string path = joinPath("/", step.path);
          if (!step.rest.empty()) path = joinPath(path, "./" + step.rest);
          return walk(NodePlace{kj::mv(*opened), path}, followLast, step.linksLeft)
              .catch_([](kj::Exception&& problem) -> Walked { raiseNotFound(kj::mv(problem)); });
        }
        raiseKj(ErrorCode::notFound,
                from.text() + ": unable to open external file, external link file name = '" + step.file + "'");
      });
}

kj::Promise<Walked> walk(NodePlace place, bool followLast, unsigned linksLeft) {
  if (place.path.size() > maxPathBytes) raiseKj(ErrorCode::notFound, "the path is longer than 64 KiB");
  if (place.path.find('\0') != std::string::npos) raiseKj(ErrorCode::notFound, "the path holds a zero byte");
  auto& file = *place.file;
  return file
      .consult<Step>([path = place.path, token = place.token, followLast, linksLeft](FileVersion& version) {
        return version.resolve(path, followLast, linksLeft, token)
            .then([kept = kj::addRef(version)](std::shared_ptr<const Resolution> end) mutable {
              return Step{kj::mv(kept), kj::mv(end)};
            });
      })
      .then([place = kj::mv(place), followLast](Step step) mutable -> kj::Promise<Walked> {
        if (auto* gone = std::get_if<MissingStep>(step.end.get())) missing(place, gone->component);
        if (auto* external = std::get_if<ExternalStep>(step.end.get()))
          return crossInto(kj::mv(place), *external, followLast);
        return Walked{kj::mv(place), kj::mv(step.version), kj::mv(step.end)};
      });
}

kj::Promise<kj::Maybe<kj::Own<OpenFile>>> openFirst(OpenFile& from, std::vector<std::string> candidates,
                                                    rpc::Access access, std::size_t at) {
  if (at == candidates.size()) return kj::Maybe<kj::Own<OpenFile>>(nullptr);
  auto opening = OpenFile::open(from.session(), candidates[at], from.below(), access);
  return opening.then([](kj::Own<OpenFile> file) -> kj::Promise<kj::Maybe<kj::Own<OpenFile>>> {
                   return kj::Maybe<kj::Own<OpenFile>>(kj::mv(file));
                 },
                 [&from, candidates = kj::mv(candidates), access, at](kj::Exception&& problem) mutable
                 -> kj::Promise<kj::Maybe<kj::Own<OpenFile>>> {
                   if (errorOf(problem).code != ErrorCode::notFound) return kj::mv(problem);
                   return openFirst(from, kj::mv(candidates), access, at + 1);
                 });
}

}  // namespace

std::string joinPath(const std::string& base, const std::string& path) {
  if (!path.empty() && path.front() == '/') return path;
  if (path.empty()) return base;
  return base.empty() || base.back() != '/' ? base + "/" + path : base + path;
}

kj::Promise<kj::Maybe<kj::Own<OpenFile>>> openTarget(OpenFile& from, std::string name, rpc::Access access) {
  return guarded([&] {
    // HDF5 looks beside the file as it was named, then beside the file that symbolic links lead to.
    auto& opener = from.session().server.opener;
    auto candidates = opener.candidates(from.requestedPath(), name);
    for (std::string& path : opener.candidates(from.finalPath(), name))
      if (std::find(candidates.begin(), candidates.end(), path) == candidates.end()) candidates.push_back(std::move(path));
    return openFirst(from, kj::mv(candidates), access, 0).attach(kj::addRef(from));
  });
}

kj::Promise<FoundNode> findNode(NodePlace place) {
  return walk(kj::mv(place), true, maxLinksInPath).then([](Walked walked) {
    if (auto* node = std::get_if<NodePointer>(walked.end.get()))
      return FoundNode{kj::mv(walked.place), *node, kj::mv(walked.version)};
    raiseKj(ErrorCode::unimplemented, walked.place.text() + ": links of this class cannot be followed");
  });
}

kj::Promise<Link> findLink(NodePlace place) {
  return walk(kj::mv(place), false, maxLinksInPath).then([](Walked walked) {
    if (auto* link = std::get_if<Link>(walked.end.get())) return *link;
    raiseKj(ErrorCode::notFound, walked.place.text() + ": no link has this name");
  });
}

}  // namespace h5cap
