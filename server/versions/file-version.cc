#include "server/versions/file-version.h"

#include <algorithm>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

constexpr std::size_t maxPaths = 4096;
constexpr std::size_t maxReferences = 1024;
constexpr std::size_t maxStorages = 1024;

template <class T>
std::shared_ptr<const T> share(T value) {
  return std::make_shared<const T>(std::move(value));
}

[[noreturn]] void unexpectedReply() { raiseKj(ErrorCode::fileProblem, "the planner answered another question"); }

Resolution readResolution(rpc::PlannerReply::Reader reply) {
  if (!reply.isResolved()) unexpectedReply();
  auto resolved = reply.getResolved();
  switch (resolved.which()) {
    case rpc::Resolution::NODE:
      return std::make_shared<const NodeInfo>(wire::read(resolved.getNode()));
    case rpc::Resolution::LINK:
      return wire::read(resolved.getLink());
    case rpc::Resolution::EXTERNAL: {
      auto external = resolved.getExternal();
      return ExternalStep{external.getFile().cStr(), external.getPath().cStr(), external.getRest().cStr(),
                          std::min<unsigned>(external.getLinksLeft(), maxLinksInPath)};
    }
    case rpc::Resolution::MISSING:
      return MissingStep{resolved.getMissing().cStr()};
  }
  unexpectedReply();
}

}  // namespace

FileVersion::FileVersion(kj::Own<SharedFile> file, Stamp stamp, kj::Own<Planner> planner)
    : file_(kj::mv(file)), stamp_(stamp), version_(stamp.version()),
      versionText_(reinterpret_cast<const char*>(version_.data()), version_.size()), planner_(kj::mv(planner)),
      info_(1), paths_(maxPaths), references_(maxReferences), storage_(maxStorages), mappings_(maxStorages), chunks_(*planner_) {}

FileVersion::FileVersion(kj::Own<SharedFile> file, Stamp stamp, Settled settled, FileVersion& before)
    : FileVersion(kj::mv(file), stamp, kj::addRef(*before.planner_)) {
  settled_ = settled;
  isSwmr_ = before.isSwmr_;
  generation_ = before.generation_ + 1;
  versionText_ += "#" + std::to_string(generation_);
}

bool FileVersion::satisfies(const Version& wanted) const {
  if (wanted == version_) return true;
  constexpr std::size_t fileBytes = sizeof(Stamp::device) + sizeof(Stamp::inode);  // what every version begins with
  return isSwmr_ && wanted.size() == version_.size() && std::equal(wanted.begin(), wanted.begin() + fileBytes, version_.begin());
}

kj::Promise<bool> FileVersion::refresh() {
  return ask([](rpc::PlannerRequest::Builder request) { request.setRefresh(); }).then([](kj::Own<PlannerAnswer> answer) {
    if (!answer->reply().isRefreshed()) unexpectedReply();
    return answer->reply().getRefreshed();
  });
}

kj::Promise<kj::Own<PlannerAnswer>> FileVersion::ask(kj::Function<void(rpc::PlannerRequest::Builder)> question) {
  return planner_->ask(kj::mv(question)).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const FileInfo>> FileVersion::info() {
  return info_
      .get(0, [this] {
        return planner_->ask([](rpc::PlannerRequest::Builder request) { request.setOpen(); })
            .then([this](kj::Own<PlannerAnswer> answer) {
              return guarded([&] {
                if (!answer->reply().isOpened()) unexpectedReply();
                FileInfo info = wire::read(answer->reply().getOpened());
                info.size = stamp_.size;
                info.version = version_;
                isSwmr_ = info.isSwmr;
                return share(std::move(info));
              });
            });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Resolution>> FileVersion::resolve(const std::string& path, bool followLast,
                                                                    unsigned maxLinks,
                                                                    std::shared_ptr<const Bytes> token) {
  if (token == nullptr) return resolveFrom(0, path, followLast, maxLinks);
  return dereference(*token).then([this, path, followLast, maxLinks](std::shared_ptr<const Referenced> found) {
    return resolveFrom(found->target->id, path, followLast, maxLinks);
  }).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Resolution>> FileVersion::resolveFrom(ObjectId base, const std::string& path,
                                                                        bool followLast, unsigned maxLinks) {
  return paths_
      .get({path, followLast, maxLinks, base}, [&] {
        return planner_
            ->ask([path, followLast, maxLinks, base](rpc::PlannerRequest::Builder request) {
              auto resolve = request.initResolve();
              resolve.setBase(base);
              resolve.setPath(path.c_str());
              resolve.setFollowLast(followLast ? rpc::Follow::YES : rpc::Follow::NO);
              resolve.setMaxLinks(maxLinks);
            })
            .then([](kj::Own<PlannerAnswer> answer) {
              return guarded([&] { return share(readResolution(answer->reply())); });
            });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Referenced>> FileVersion::dereference(const Bytes& token) {
  return references_
      .get(token, [&] {
        return planner_
            ->ask([token](rpc::PlannerRequest::Builder request) { request.setDereference(wire::asData(token)); })
            .then([](kj::Own<PlannerAnswer> answer) {
              return guarded([&] {
                if (!answer->reply().isDereferenced()) unexpectedReply();
                auto found = answer->reply().getDereferenced();
                auto path = found.getPath();
                return share(Referenced{std::make_shared<const NodeInfo>(wire::read(found.getTarget())),
                                        std::string(path.begin(), path.size()), wire::read(found.getStored())});
              });
            });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const Storage>> FileVersion::storage(ObjectId dataset) {
  return storage_
      .get(dataset, [&] {
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
  return mappings_
      .get(dataset, [&] {
        return storage(dataset).then([](std::shared_ptr<const Storage> storage) {
          auto* mapped = std::get_if<VirtualStorage>(storage.get());
          return share(MappingIndex(mapped == nullptr ? std::vector<VirtualSource>{} : mapped->sources));
        });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const std::vector<ChunkExtent>>> FileVersion::extents(ObjectId dataset, const Shape& grid,
                                                                                  const ChunkBox& box) {
  return chunks_.find(dataset, grid, box).attach(kj::addRef(*this));
}

kj::Promise<std::shared_ptr<const std::vector<ChunkExtent>>> FileVersion::extentsOf(ObjectId dataset, const Shape& grid,
                                                                                    std::vector<std::uint64_t> chunks) {
  return chunks_.findEach(dataset, grid, std::move(chunks)).attach(kj::addRef(*this));
}

}  // namespace h5cap
