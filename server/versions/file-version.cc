#include "server/versions/file-version.h"

#include <algorithm>

#include "core/wire-checks.h"
#include "server/base/guarded.h"

namespace h5cap {
namespace {

using Topic = Knowledge::Topic;

// What is remembered of where a path ends: nodes are remembered once, however many paths lead to them.
using PathEnd = std::variant<ObjectId, Link, ExternalStep, MissingStep>;

template <class T>
std::shared_ptr<const T> share(T value) {
  return std::make_shared<const T>(std::move(value));
}

[[noreturn]] void unexpectedReply() { raiseKj(ErrorCode::fileProblem, "the planner answered another question"); }

// `maxLinks`: what was asked for, of which each external link takes one, so that following them ends.
Resolution readResolution(rpc::PlannerReply::Reader reply, unsigned maxLinks) {
  if (!reply.isResolved()) unexpectedReply();
  auto resolved = reply.getResolved();
  switch (resolved.which()) {
    case rpc::Resolution::NODE:
      return std::make_shared<const NodeInfo>(wire::read(resolved.getNode()));
    case rpc::Resolution::LINK:
      return wire::read(resolved.getLink());
    case rpc::Resolution::EXTERNAL: {
      auto external = resolved.getExternal();
      if (external.getLinksLeft() >= maxLinks) throw FileError("the planner followed more links than it may");
      return ExternalStep{wire::readText(external.getFile()), wire::readText(external.getPath()),
                          wire::readText(external.getRest()), external.getLinksLeft()};
    }
    case rpc::Resolution::MISSING:
      return MissingStep{wire::readText(resolved.getMissing())};
  }
  unexpectedReply();
}

Knowledge::Lifetime lifetimeOf(const Stamp& stamp) {
  return stamp.stability == Stability::settled ? Knowledge::Lifetime::lasting : Knowledge::Lifetime::ofThis;
}

std::uint64_t endBytes(const PathEnd& end) {
  std::uint64_t bytes = sizeof end;
  if (auto* link = std::get_if<Link>(&end)) bytes += footprint(*link);
  if (auto* step = std::get_if<ExternalStep>(&end))
    bytes += footprint(step->file) + footprint(step->path) + footprint(step->rest);
  if (auto* missing = std::get_if<MissingStep>(&end)) bytes += footprint(missing->component);
  return bytes;
}

}  // namespace

std::uint64_t footprint(const Referenced& referenced) {
  return sizeof referenced + footprint(*referenced.target) + footprint(referenced.path) + footprint(referenced.stored);
}

std::uint64_t footprint(const MappingIndex& index) { return index.footprint(); }

FileVersion::FileVersion(kj::Own<const SharedFile> file, const Stamp& stamp, std::string name, kj::Own<Planner> planner,
                         const SharedCache& memory)
    : file_(kj::mv(file)), stamp_(stamp), version_(stamp.state.version()), planner_(kj::mv(planner)),
      knowledge_(memory, std::move(name), lifetimeOf(stamp)), chunks_(*planner_, knowledge_) {}

FileVersion::FileVersion(kj::Own<const SharedFile> file, const Stamp& stamp, std::string name, FileVersion& before)
    : FileVersion(kj::mv(file), stamp, std::move(name), kj::addRef(*before.planner_), before.knowledge_.memory()) {
  isSwmr_ = before.isSwmr_;
}

bool FileVersion::isStillTrueOf(const Stamp& stamp) const {
  if (stamp.state != stamp_.state) return false;
  return isSettled() || (isFollowed() && stamp_.stability == Stability::visible);
}

bool FileVersion::satisfies(const Version& wanted) const {
  if (wanted == version_) return true;
  const auto isSameFile = [&] { return std::equal(wanted.begin(), wanted.begin() + sizeof(FileId), version_.begin()); };
  return isSwmr_ && wanted.size() == version_.size() && isSameFile();
}

kj::Promise<bool> FileVersion::refresh() {
  return ask([](rpc::PlannerRequest::Builder request) { request.setRefresh(); })
      .then([](kj::Own<PlannerAnswer> answer) {
        if (!answer->reply().isRefreshed()) unexpectedReply();
        return answer->reply().getRefreshed();
      });
}

kj::Promise<kj::Own<PlannerAnswer>> FileVersion::ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) {
  return planner_->ask(kj::mv(question)).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const FileInfo>> FileVersion::info() {
  return knowledge_
      .get<FileInfo>(Topic::info, {}, [this] {
        return planner_->ask([](rpc::PlannerRequest::Builder request) { request.setOpen(); })
            .then([this](kj::Own<PlannerAnswer> answer) {
              return guarded([&] {
                if (!answer->reply().isOpened()) unexpectedReply();
                FileInfo info = wire::read(answer->reply().getOpened());
                info.size = state().size;
                info.version = version_;
                info.stability = isSettled() ? VersionStability::settled : VersionStability::unsettled;
                return share(std::move(info));
              });
            });
      })
      .then([this](std::shared_ptr<const FileInfo> info) {
        isSwmr_ = info->isSwmr;
        isKnown_ = true;
        return info;
      })
      .attach(kj::addRef(*this));
}

struct FileVersion::PathQuestion {
  ObjectId base = 0;
  std::string path;
  FollowLast followLast = FollowLast::yes;
  unsigned maxLinks = 0;

  std::string detail() const {
    return detailOf(base) + detailOf(followLast) + detailOf(static_cast<std::uint8_t>(maxLinks)) + path;
  }

  void write(rpc::PlannerRequest::Builder request) const {
    auto resolve = request.initResolve();
    resolve.setBase(base);
    resolve.setPath(path.c_str());
    resolve.setFollowLast(followLast == FollowLast::yes ? rpc::Follow::YES : rpc::Follow::NO);
    resolve.setMaxLinks(maxLinks);
  }
};

kj::Promise<std::shared_ptr<const Resolution>> FileVersion::resolve(const std::string& path, FollowLast followLast,
                                                                    unsigned maxLinks,
                                                                    std::shared_ptr<const Bytes> token) {
  if (token == nullptr) return resolveFrom({0, path, followLast, maxLinks});
  return dereference(*token).then([this, path, followLast, maxLinks](std::shared_ptr<const Referenced> found) {
    return resolveFrom({found->target->id, path, followLast, maxLinks});
  }).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Resolution>> FileVersion::resolveFrom(PathQuestion question) {
  std::string detail = question.detail();
  if (auto known = knownEnd(detail)) return std::shared_ptr<const Resolution>(std::move(known));
  return knowledge_
      .once<Resolution>(Topic::path, detail, [&] {
        return planner_
            ->ask([question](rpc::PlannerRequest::Builder request) { question.write(request); })
            .then([this, detail, maxLinks = question.maxLinks](kj::Own<PlannerAnswer> answer) {
              return guarded([&] { return keepEnd(detail, readResolution(answer->reply(), maxLinks)); });
            });
      })
      .attach(kj::addRef(*this));
}

// Null when it is not known, or when the node that it is has been forgotten.
std::shared_ptr<const Resolution> FileVersion::knownEnd(const std::string& path) const {
  auto end = knowledge_.find<PathEnd>(Topic::path, path);
  if (end == nullptr) return nullptr;
  if (auto* id = std::get_if<ObjectId>(end.get())) {
    auto node = knowledge_.find<NodeInfo>(Topic::node, detailOf(*id));
    return node == nullptr ? nullptr : share(Resolution(std::move(node)));
  }
  if (auto* link = std::get_if<Link>(end.get())) return share(Resolution(*link));
  if (auto* step = std::get_if<ExternalStep>(end.get())) return share(Resolution(*step));
  return share(Resolution(std::get<MissingStep>(*end)));
}

std::shared_ptr<const Resolution> FileVersion::keepEnd(const std::string& path, Resolution resolution) {
  PathEnd end;
  if (auto* node = std::get_if<NodePointer>(&resolution)) {
    end = (*node)->id;
    *node = keepNode(**node);
  } else if (auto* link = std::get_if<Link>(&resolution)) {
    end = *link;
  } else if (auto* step = std::get_if<ExternalStep>(&resolution)) {
    end = *step;
  } else {
    end = std::get<MissingStep>(resolution);
  }
  const std::uint64_t bytes = endBytes(end);
  knowledge_.keep(Topic::path, path, share(std::move(end)), bytes);
  return share(std::move(resolution));
}

NodePointer FileVersion::keepNode(NodeInfo node) {
  const std::string detail = detailOf(node.id);
  if (auto known = knowledge_.find<NodeInfo>(Topic::node, detail)) return known;
  auto kept = share(std::move(node));
  knowledge_.keep(Topic::node, detail, kept, footprint(*kept));
  return kept;
}

kj::Promise<std::shared_ptr<const Referenced>> FileVersion::dereference(const Bytes& token) {
  const std::string detail(reinterpret_cast<const char*>(token.data()), token.size());
  return knowledge_
      .get<Referenced>(Topic::reference, detail, [&] {
        return planner_
            ->ask([token](rpc::PlannerRequest::Builder request) { request.setDereference(wire::asData(token)); })
            .then([](kj::Own<PlannerAnswer> answer) {
              return guarded([&] {
                if (!answer->reply().isDereferenced()) unexpectedReply();
                auto found = answer->reply().getDereferenced();
                return share(Referenced{std::make_shared<const NodeInfo>(wire::read(found.getTarget())),
                                        wire::readText(found.getPath()), wire::read(found.getStored())});
              });
            });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Storage>> FileVersion::storage(ObjectId dataset) {
  return knowledge_
      .get<Storage>(Topic::storage, detailOf(dataset), [&] {
        return planner_->ask([dataset](rpc::PlannerRequest::Builder request) { request.setStorage(dataset); })
            .then([](kj::Own<PlannerAnswer> answer) {
              return guarded([&] {
                if (!answer->reply().isStorage()) unexpectedReply();
                return share(wire::read(answer->reply().getStorage()));
              });
            });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const MappingIndex>> FileVersion::mappings(ObjectId dataset) {
  return knowledge_
      .get<MappingIndex>(Topic::mappings, detailOf(dataset), [&] {
        return storage(dataset).then([](std::shared_ptr<const Storage> storage) {
          auto* mapped = std::get_if<VirtualStorage>(storage.get());
          return share(MappingIndex(mapped == nullptr ? std::vector<VirtualSource>{} : mapped->sources));
        });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Extents>> FileVersion::extents(ObjectId dataset, const Shape& grid,
                                                                 const ChunkBox& box) {
  return chunks_.find(dataset, grid, box).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Extents>> FileVersion::extentsOf(ObjectId dataset, const Shape& grid,
                                                                   std::vector<std::uint64_t> chunks) {
  return chunks_.findEach(dataset, grid, std::move(chunks)).attach(kj::addRef(*this));
}

}  // namespace h5cap
