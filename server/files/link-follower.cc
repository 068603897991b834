#include "server/files/link-follower.h"

#include "server/base/guarded.h"
#include "server/files/first-there.h"

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

kj::Promise<Walked> walk(NodePlace place, FollowLast followLast, unsigned linksLeft);

// How the planner says it.
constexpr std::string_view tooManyLinks = "too many links";

// Too many links behind an external link: HDF5 then says that the object is not found.  Nothing else that fails is
// absent.
[[noreturn]] void raiseNotFound(kj::Exception&& problem) {
  ErrorText error = errorOf(problem);
  const bool isTooLong = error.message.compare(0, tooManyLinks.size(), tooManyLinks) == 0;
  if (error.code == ErrorCode::failed && isTooLong) raiseKj(ErrorCode::notFound, error.message);
  kj::throwFatalException(kj::mv(problem));
}

kj::Promise<Walked> crossInto(NodePlace from, ExternalStep step, FollowLast followLast) {
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

kj::Promise<Walked> walk(NodePlace place, FollowLast followLast, unsigned linksLeft) {
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

}  // namespace

std::string joinPath(const std::string& base, const std::string& path) {
  if (!path.empty() && path.front() == '/') return path;
  if (path.empty()) return base;
  return base.empty() || base.back() != '/' ? base + "/" + path : base + path;
}

kj::Promise<kj::Maybe<kj::Own<OpenFile>>> openTarget(OpenFile& from, std::string name, rpc::Access access) {
  return inPromise([&] {
    // HDF5 looks beside the file as it was named, then beside the file that symbolic links lead to.
    auto& opener = from.session().server.opener;
    auto places = opener.candidates(from.requestedPath(), name);
    places.add(opener.candidates(from.finalPath(), name));
    auto opening =
        openFirstThere<kj::Own<OpenFile>>(std::move(places.inside), [&from, access](const std::string& path) {
          return OpenFile::open(from.session(), path, from.below(), access);
        });
    return opening
        .then([&from, name, outside = places.outside](kj::Maybe<kj::Own<OpenFile>> found) {
          if (found == nullptr && outside == Outside::some)
            raiseKj(ErrorCode::denied,
                    from.shownPath() + ": the file '" + name + "' that it names is outside of what is served");
          return found;
        })
        .attach(kj::addRef(from));
  });
}

kj::Promise<FoundNode> findNode(NodePlace place) {
  return walk(kj::mv(place), FollowLast::yes, maxLinksInPath).then([](Walked walked) {
    if (auto* node = std::get_if<NodePointer>(walked.end.get()))
      return FoundNode{kj::mv(walked.place), *node, kj::mv(walked.version)};
    raiseKj(ErrorCode::unimplemented, walked.place.text() + ": links of this class cannot be followed");
  });
}

kj::Promise<Link> findLink(NodePlace place) {
  return walk(kj::mv(place), FollowLast::no, maxLinksInPath).then([](Walked walked) {
    if (auto* link = std::get_if<Link>(walked.end.get())) return *link;
    raiseKj(ErrorCode::notFound, walked.place.text() + ": no link has this name");
  });
}

}  // namespace h5cap
