#include "server/files/source-files.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <random>

#include "server/base/guarded.h"
#include "server/files/link-follower.h"
#include "server/files/open-file.h"

namespace h5cap {
namespace {

constexpr std::size_t maxSources = 4096;
constexpr std::uint64_t seenAtOnce = 1024;   // memory for what is seen is taken for so many
constexpr std::uint64_t seenBytes = 48;      // of each
constexpr std::uint64_t maxSeen = 1 << 20;
constexpr std::size_t lookedAtOnce = 32;
constexpr std::size_t maxSeries = 256;
constexpr std::uint64_t keptBytes = 256;    // of an entry, names apart
constexpr std::size_t longestName = 4096;  // that is kept: no real one is longer
constexpr kj::Duration trustedFor = 100 * kj::MILLISECONDS;

using MaybeFile = kj::Maybe<kj::Own<OpenFile>>;

bool isSameFile(OpenFile& a, OpenFile& b) {
  return &a.served() == &b.served() && a.requestedPath() == b.requestedPath() && a.finalPath() == b.finalPath();
}

// Never `absentSource`.
std::uint64_t hashOf(std::string_view bytes) {
  return std::max<std::uint64_t>(std::hash<std::string_view>()(bytes), 1);
}

std::uint64_t randomNumber() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

std::uint64_t nameOfSource(const OpenFile& from, const std::string& file) {
  return hashOf(from.requestedPath() + '\0' + file);
}

std::uint64_t meaningOf(const FileState& state) {
  const Version version = state.version();
  return hashOf({reinterpret_cast<const char*>(version.data()), version.size()});
}

std::uint64_t meaningOf(const FileId& id) { return hashOf({reinterpret_cast<const char*>(&id), sizeof id}); }

SourceFiles::SourceFiles(kj::Timer& timer, const Share& memory)
    : timer_(timer), memory_(memory), origin_(randomNumber()) {}

SourceFiles::Place SourceFiles::find(const std::string& name) {
  auto known = places_.find(name);
  return known == places_.end() ? sources_.end() : known->second;
}

void SourceFiles::forget(Place place) {
  if (place == sources_.end()) return;
  places_.erase(place->name);
  sources_.erase(place);
}

// For one more.
bool SourceFiles::makeRoom() {
  if (meanings_.ofNames.size() < meanings_.room) return true;
  if (meanings_.room >= maxSeen) return false;
  auto memory = memory_.tryTake(seenAtOnce * seenBytes);
  if (!memory) return false;
  meanings_.memory.push_back(std::move(*memory));
  meanings_.room += seenAtOnce;
  return true;
}

Bytes SourceFiles::versionWith(std::span<const SeenSource> seen) {
  for (const SeenSource& one : seen) {
    auto known = meanings_.ofNames.find(one.name);
    if (known != meanings_.ofNames.end()) {
      if (known->second == one.meaning) continue;
      known->second = one.meaning;
      ++changes_;
      continue;
    }
    if (!makeRoom()) {  // what is not known any more may have changed
      meanings_ = Meanings();
      ++changes_;
    }
    meanings_.ofNames.emplace(one.name, one.meaning);
  }
  const std::uint64_t parts[] = {origin_, changes_};
  const auto* bytes = reinterpret_cast<const std::byte*>(parts);
  return Bytes(bytes, bytes + sizeof parts);
}

// Some sources are looked at side by side.
class SourceFiles::LookAgain {
 public:
  LookAgain(SourceFiles& sources, OpenFile& from, int depthLeft)
      : sources_(sources), from_(kj::addRef(from)), depthLeft_(depthLeft) {
    for (const Source& source : sources.sources_) names_.push_back(source.name);
  }

  kj::Promise<std::vector<SeenSource>> run() {
    auto lanes = kj::heapArrayBuilder<kj::Promise<void>>(lookedAtOnce);
    for (std::size_t lane = 0; lane < lookedAtOnce; ++lane) lanes.add(next());
    return kj::joinPromises(lanes.finish()).then([this] { return std::move(seen_); });
  }

 private:
  kj::Promise<void> next() {
    if (at_ == names_.size()) return kj::READY_NOW;
    const std::string& name = names_[at_++];
    return sources_.lookUp(*from_, name)
        .then([this, &name](MaybeFile found) -> kj::Promise<void> {
          KJ_IF_MAYBE(file, found) return look(name, kj::mv(*file));
          seen_.push_back({nameOfSource(*from_, name), absentSource});
          return kj::READY_NOW;
        })
        .then([this] { return next(); });
  }

  kj::Promise<void> look(const std::string& name, kj::Own<OpenFile> file) {
    auto& opened = *file;
    return opened.current()
        .then([this, &name](kj::Own<FileVersion> version) {
          auto& current = *version;
          return current.info().then(
              [this, &name, version = kj::mv(version)](std::shared_ptr<const FileInfo> info) mutable {
                const FileState& state = version->state();
                const auto meaning = info->isSwmr ? meaningOf(state.id) : meaningOf(state);
                seen_.push_back({nameOfSource(*from_, name), meaning});
              });
        })
        .then([this, &opened] { return opened.sources().lookAgain(opened, depthLeft_ - 1); })
        .then([this](std::vector<SeenSource> within) { seen_.insert(seen_.end(), within.begin(), within.end()); })
        .attach(kj::mv(file));
  }

  SourceFiles& sources_;
  kj::Own<OpenFile> from_;
  const int depthLeft_;
  std::vector<std::string> names_;
  std::size_t at_ = 0;
  std::vector<SeenSource> seen_;
};

kj::Promise<std::vector<SeenSource>> SourceFiles::lookAgain(OpenFile& from, int depthLeft) {
  if (depthLeft == 0 || sources_.empty()) return std::vector<SeenSource>();
  auto look = kj::heap<LookAgain>(*this, from, depthLeft);
  auto promise = inPromise([&] { return look->run(); });
  return promise.attach(kj::mv(look));
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
        forget(find(name));
        return nullptr;
      },
            [this, name](kj::Exception&& problem) -> MaybeFile {
              forget(find(name));
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
  if (sources_.size() >= maxSources) forget(std::prev(sources_.end()));
  if (name.size() > longestName) return file;  // opened again the next time
  auto memory = memory_.tryTake(keptBytes + name.size());
  if (!memory) return file;  // likewise
  auto result = kj::addRef(*file);
  sources_.push_front(Source{name, kj::mv(file), state, now, std::move(*memory)});
  places_.emplace(std::move(name), sources_.begin());
  return result;
}

}  // namespace h5cap
