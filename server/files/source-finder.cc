#include "server/files/source-finder.h"

#include <algorithm>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

constexpr std::size_t maxKnown = 16;

using MaybeFile = kj::Maybe<kj::Own<OpenFile>>;

FoundNode copyOf(FoundNode& found) { return {found.place.clone(), found.info, kj::addRef(*found.version)}; }

kj::Promise<MaybeFile> openSource(OpenFile& from, const std::string& name) {
  if (name == ".") return MaybeFile(kj::addRef(from));
  return from.sources().get(from, name);
}

// HDF5 takes what is no dataset for absent as well.
kj::Promise<FoundSource> findDataset(NodePlace place, std::string name) {
  auto& file = *place.file;
  return findNode(kj::mv(place))
      .then([name](FoundNode found) -> FoundSource {
        if (found.info->problem)
          raiseKj(found.info->problem->code, found.place.text() + ": " + found.info->problem->message);
        if (!found.info->dataset) return {nullptr, name, kj::mv(found.place.file)};
        return {kj::mv(found), "", nullptr};
      },
            [name, file = kj::addRef(file)](kj::Exception&& problem) mutable -> FoundSource {
              if (errorOf(problem).code == ErrorCode::notFound) return {nullptr, name, kj::mv(file)};
              kj::throwFatalException(kj::mv(problem));
            });
}

}  // namespace

kj::Promise<FoundSource> SourceFinder::lookUp(const std::string& file, const std::string& dataset) {
  auto& session = place_.file->session();
  return session.server.loop.take(session.owner(), LoopTurns::costOfLookUp)
      .then([this, file] { return guarded([&] { return openSource(*place_.file, file); }); })
      .then([file, dataset](MaybeFile opened) -> kj::Promise<FoundSource> {
        KJ_IF_MAYBE(source, opened)
          return findDataset(NodePlace{kj::mv(*source), joinPath("/", dataset)}, file + ": " + dataset);
        return FoundSource{nullptr, file, nullptr};
      });
}

kj::Promise<FoundSource> SourceFinder::find(const std::string& file, const std::string& dataset) {
  auto known = std::find_if(known_.begin(), known_.end(),
                            [&](const Known& one) { return one.file == file && one.dataset == dataset; });
  if (known == known_.end()) {
    if (known_.size() >= maxKnown) known_.pop_back();
    auto looking = kj::evalNow([&] { return lookUp(file, dataset); })
                       .catch_([this, file, dataset](kj::Exception&& problem) -> kj::Promise<FoundSource> {
                         if (errorOf(problem).code != ErrorCode::busy) return kj::mv(problem);
                         // Too many files at once: those that were found before are found again when they are needed.
                         known_.remove_if([&](const Known& one) { return one.file != file || one.dataset != dataset; });
                         return lookUp(file, dataset);
                       })
                       .then([](FoundSource found) { return kj::refcounted<Shared>(kj::mv(found)); });
    known_.push_front(Known{file, dataset, looking.fork()});
  } else {
    known_.splice(known_.begin(), known_, known);
  }
  return known_.front().node.addBranch().then([](kj::Own<Shared> shared) -> FoundSource {
    KJ_IF_MAYBE(found, shared->source.node) return {copyOf(*found), "", nullptr};
    kj::Maybe<kj::Own<OpenFile>> file;
    KJ_IF_MAYBE(lacking, shared->source.file) file = kj::addRef(**lacking);
    return {nullptr, shared->source.missing, kj::mv(file)};
  });
}

}  // namespace h5cap
