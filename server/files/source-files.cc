#include "server/files/source-files.h"

#include <algorithm>

#include "server/base/guarded.h"
#include "server/files/link-follower.h"
#include "server/files/open-file.h"

namespace h5cap {
namespace {

constexpr std::size_t maxSources = 64;
constexpr std::size_t maxSeries = 256;
constexpr std::uint64_t keptBytes = 256;    // of an entry, names apart
constexpr std::size_t longestName = 4096;  // that is kept: no real one is longer
constexpr kj::Duration trustedFor = 100 * kj::MILLISECONDS;

using MaybeFile = kj::Maybe<kj::Own<OpenFile>>;

bool isSameFile(OpenFile& a, OpenFile& b) {
  return &a.served() == &b.served() && a.requestedPath() == b.requestedPath() && a.finalPath() == b.finalPath();
}

}  // namespace

SourceFiles::Place SourceFiles::find(const std::string& name) {
  return std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) { return source.name == name; });
}

std::uint64_t SourceFiles::knownBlocks(const std::string& file, const std::string& dataset) const {
  auto known = blocks_.find({file, dataset});
  return known == blocks_.end() ? 0 : known->second.count;
}

void SourceFiles::rememberBlocks(const std::string& file, const std::string& dataset, std::uint64_t count) {
  auto known = blocks_.find({file, dataset});
  if (known != blocks_.end()) {
    known->second.count = count;
    return;
  }
  if (blocks_.size() >= maxSeries) blocks_.clear();
  if (file.size() + dataset.size() > longestName) return;
  // What does not fit is counted again the next time.
  if (auto memory = memory_.tryTake(keptBytes + file.size() + dataset.size()))
    blocks_.emplace(Series{file, dataset}, Blocks{count, std::move(*memory)});
}

kj::Promise<MaybeFile> SourceFiles::get(OpenFile& from, std::string name) {
  auto known = find(name);
  const auto now = timer_.now();
  const bool isTrusted = known != sources_.end() && now - known->checked < trustedFor &&
                         known->file->grant().covers(rpc::Access::READ);
  if (!isTrusted) {
    if (known != sources_.end()) known->checked = now;
    return lookUp(from, std::move(name)).attach(kj::addRef(from));
  }
  sources_.splice(sources_.begin(), sources_, known);
  auto& file = *known->file;
  return file.current().then([this, &from, name = std::move(name), state = known->state,
                              kept = kj::addRef(file)](kj::Own<FileVersion> version) mutable -> kj::Promise<MaybeFile> {
    if (version->state() == state) return MaybeFile(kj::mv(kept));
    return lookUp(from, std::move(name));
  }).attach(kj::addRef(from));
}

kj::Promise<MaybeFile> SourceFiles::lookUp(OpenFile& from, std::string name) {
  return openTarget(from, name, rpc::Access::READ)  // elements come from it
      .then([this, name](MaybeFile opened) -> MaybeFile {
        KJ_IF_MAYBE(file, opened) return keep(name, kj::mv(*file));
        auto known = find(name);
        if (known != sources_.end()) sources_.erase(known);
        return nullptr;
      },
            [this, name](kj::Exception&& problem) -> MaybeFile {
              auto known = find(name);
              if (known != sources_.end()) sources_.erase(known);
              kj::throwFatalException(kj::mv(problem));
            });
}

// The file as it is kept: with its versions and sources, when it still is the one that was known.
kj::Own<OpenFile> SourceFiles::keep(std::string name, kj::Own<OpenFile> file) {
  const FileState state = file->stateWhenOpened();
  const auto now = timer_.now();
  auto known = find(name);
  if (known != sources_.end()) {
    if (isSameFile(*known->file, *file))
      known->file->renew(file->grant());
    else
      known->file = kj::mv(file);
    known->state = state;
    known->checked = now;
    return kj::addRef(*known->file);
  }
  if (sources_.size() >= maxSources) sources_.pop_back();
  if (name.size() > longestName) return file;  // opened again the next time
  auto memory = memory_.tryTake(keptBytes + name.size());
  if (!memory) return file;  // likewise
  auto result = kj::addRef(*file);
  sources_.push_front(Source{std::move(name), kj::mv(file), state, now, std::move(*memory)});
  return result;
}

}  // namespace h5cap
