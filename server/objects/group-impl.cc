#include "server/objects/group-impl.h"

#include <algorithm>

#include "server/planner-pool/answer-checks.h"

namespace h5cap {
namespace {

constexpr std::uint32_t maxPage = 10'000;

rpc::File::PathNow asPathNow(PathNow now) {
  switch (now) {
    case PathNow::thisFile:
      return rpc::File::PathNow::THIS_FILE;
    case PathNow::anotherFile:
      return rpc::File::PathNow::ANOTHER_FILE;
    case PathNow::nothing:
      return rpc::File::PathNow::NOTHING;
  }
  return rpc::File::PathNow::UNKNOWN;
}

struct OpenedNode {
  FoundNode found;
  FileInfo file;
};

}  // namespace

kj::Promise<void> listLinks(NodePlace place, ListLinksContext context) {
  auto cursor = wire::readBytes(context.getParams().getCursor());
  const std::uint32_t limit = std::clamp<std::uint32_t>(context.getParams().getLimit(), 1, maxPage);
  context.releaseParams();
  return findNode(kj::mv(place))
      .then([cursor, limit](FoundNode found) {
        auto& version = *found.version;
        return version.ask([id = found.info->id, cursor, limit](rpc::PlannerRequest::Builder request) {
          auto links = request.initLinks();
          links.setGroup(id);
          links.setCursor(wire::asData(cursor));
          links.setLimit(limit);
        });
      })
      .then([context, cursor, limit](kj::Own<PlannerAnswer> answer) mutable {
        if (!answer->reply().isLinks()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
        auto links = answer->reply().getLinks();
        const std::string after(reinterpret_cast<const char*>(cursor.data()), cursor.size());
        guarded([&] { checkLinks(links, after, limit); });
        auto results = context.getResults();
        results.setLinks(links.getPage());
        results.setNext(links.getNext());
        results.setTotal(links.getTotal());
      });
}

kj::Promise<void> openNode(const Asking& asking, kj::Own<OpenFile> from, NodePlace place, OpenNodeContext context) {
  context.releaseParams();
  return findNode(kj::mv(place))
      .then([](FoundNode found) {
        auto& file = *found.place.file;
        return file.info(*found.version).then([found = kj::mv(found)](FileInfo info) mutable {
          return OpenedNode{kj::mv(found), kj::mv(info)};
        });
      })
      .then([&asking, from = kj::mv(from), context](OpenedNode opened) mutable {
        guarded([&] {
          auto results = context.getResults();
          wire::write(*opened.found.info, results.initInfo());
          wire::write(opened.file, results.initFile());
          auto grant = grantBehind(asking, *from, *opened.found.place.file);
          results.setNode(makeNode(asking.caller, std::move(grant), kj::mv(opened.found)));
        });
      });
}

kj::Promise<void> describeLink(NodePlace place, DescribeLinkContext context) {
  context.releaseParams();
  return findLink(kj::mv(place)).then([context](Link link) mutable {
    guarded([&] { wire::write(link, context.getResults().initLink()); });
  });
}

kj::Promise<void> FileImpl::stat(StatContext context) {
  context.allowCancellation();
  auto& file = *place().file;
  return file.consult<FileInfo>([&file](FileVersion& version) { return file.info(version); })
      .then([context](FileInfo info) mutable {
        guarded([&] { wire::write(info, context.getResults().initInfo()); });
      });
}

kj::Promise<void> FileImpl::pathNow(PathNowContext context) {
  context.allowCancellation();
  return place().file->pathNow().then(
      [context](PathNow now) mutable { context.getResults().setNow(asPathNow(now)); });
}

}  // namespace h5cap
