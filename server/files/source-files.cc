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
constexpr std::uint64_t seenBytes = 64;      // of each
constexpr std::size_t lookedAtOnce = 32;
constexpr std::size_t maxSeries = 256;
constexpr std::uint64_t keptBytes = 256;    // of an entry, names apart
constexpr std::size_t longestName = 4096;  // that is kept: no real one is longer
constexpr kj::Duration trustedFor = 100 * kj::MILLISECONDS;

using MaybeFile = kj::Maybe<kj::Own<OpenFile>>;

bool isSameFile(OpenFile& a, OpenFile& b) {
  return &a.served() == &b.served() && a.requestedPath() == b.requestedPath() && a.finalPath() == b.finalPath();
}

std::uint64_t hashOf(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

std::string textOf(const FileState& state) {
  const Version version = state.version();
  return {reinterpret_cast<const char*>(version.data()), version.size()};
}

std::uint64_t randomNumber() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

SeenSource seenName(const OpenFile& from, const std::string& name, IsThere isThere) {
  return {hashOf("name" + from.requestedPath() + '\0' + name), isThere == IsThere::yes};
}

// What a live SWMR writer has written stays, so that its file is the same while it grows.
SeenSource seenFile(OpenFile& file, FileVersion& version) {
  FileState state = version.state();
  if (version.isSwmr() == true) state = FileState{state.id, 0, 0, 0};
  return {hashOf("file" + file.requestedPath()), hashOf(textOf(state))};
}

SeenSource seenRawFile(const std::string& path, const FileState& state) {
  return {hashOf("file" + path), hashOf(textOf(state))};
}

SeenSource seenGone(const std::string& path) { return {hashOf("file" + path), 0}; }

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

SourceFiles::Look& SourceFiles::lookOf(Seen& seen, std::uint64_t what) {
  auto known = seen.looks.find(what);
  if (known != seen.looks.end()) return known->second;
  if (seen.looks.size() >= seen.room) {
    seen.memory.push_back(memory_.take(seenAtOnce * seenBytes));
    seen.room += seenAtOnce;
  }
  return seen.looks[what];
}

Bytes SourceFiles::versionWith(ObjectId dataset, std::span<const SeenSource> seen) {
  Seen& known = seen_[dataset];
  const bool isOtherwise = std::any_of(seen.begin(), seen.end(), [&](const SeenSource& one) {
    auto before = known.looks.find(one.what);
    return before != known.looks.end() && before->second.epoch == known.epoch && before->second.how != one.how;
  });
  if (isOtherwise) ++known.epoch;
  for (const SeenSource& one : seen) lookOf(known, one.what) = {one.how, known.epoch};
  const std::uint64_t parts[] = {origin_, dataset, known.epoch};
  const auto* bytes = reinterpret_cast<const std::byte*>(parts);
  return Bytes(bytes, bytes + sizeof parts);
}

// What there is no memory for is looked at only when it is read.
void SourceFiles::remember(Behind behind, const std::string& path) {
  if (remembered_.count(path) > 0 || remembered_.size() >= maxSources) return;
  if (auto memory = memory_.tryTake(keptBytes + path.size()))
    remembered_.emplace(path, Remembered{behind, std::move(*memory)});
}

// Some sources are looked at side by side.
class SourceFiles::LookAgain {
 public:
  LookAgain(SourceFiles& sources, OpenFile& from, std::vector<std::string> names, int depthLeft)
      : sources_(sources), from_(kj::addRef(from)), depthLeft_(depthLeft), names_(std::move(names)) {
    for (const auto& [path, one] : sources.remembered_) behind_.emplace_back(path, one.behind);
  }

  kj::Promise<std::vector<SeenSource>> run() {
    auto lanes = kj::heapArrayBuilder<kj::Promise<void>>(lookedAtOnce);
    for (std::size_t lane = 0; lane < lookedAtOnce; ++lane) lanes.add(next());
    return kj::joinPromises(lanes.finish()).then([this] { return std::move(seen_); });
  }

 private:
  kj::Promise<void> next() {
    if (at_ < names_.size()) return lookAtName(names_[at_++]).then([this] { return next(); });
    const std::size_t number = at_ - names_.size();
    if (number == behind_.size()) return kj::READY_NOW;
    ++at_;
    const auto& [path, behind] = behind_[number];
    return lookBehind(path, behind)
        .catch_([this, &path = path](kj::Exception&& problem) {
          if (errorOf(problem).code != ErrorCode::notFound) kj::throwFatalException(kj::mv(problem));
          seen_.push_back(seenGone(path));
        })
        .then([this] { return next(); });
  }

  kj::Promise<void> lookBehind(const std::string& path, Behind behind) {
    auto& session = from_->session();
    if (behind == Behind::rawStorage)
      return openFor(session, path, rpc::Access::READ).then([this, &path](kj::Own<Opened> opened) {
        seen_.push_back(seenRawFile(path, opened->stamp.state));
      });
    return OpenFile::open(session, path, from_->below(), rpc::Access::READ).then([this](kj::Own<OpenFile> file) {
      return look(kj::mv(file));
    });
  }

  kj::Promise<void> lookAtName(const std::string& name) {
    return sources_.lookUp(*from_, name)
        .then([this, &name](MaybeFile found) -> kj::Promise<void> {
          KJ_IF_MAYBE(file, found) {
            seen_.push_back(seenName(*from_, name, IsThere::yes));
            return look(kj::mv(*file));
          }
          seen_.push_back(seenName(*from_, name, IsThere::no));
          return kj::READY_NOW;
        });
  }

  kj::Promise<void> look(kj::Own<OpenFile> file) {
    auto& opened = *file;
    return opened.current()
        .then([this, &opened](kj::Own<FileVersion> version) {
          auto& current = *version;
          return current.info().then(
              [this, &opened, version = kj::mv(version)](std::shared_ptr<const FileInfo>) mutable {
                seen_.push_back(seenFile(opened, *version));
              });
        })
        .then([this, &opened] {
          return opened.sources().lookAgain(opened, opened.sources().keptNames(), depthLeft_ - 1);
        })
        .then([this](std::vector<SeenSource> within) { seen_.insert(seen_.end(), within.begin(), within.end()); })
        .attach(kj::mv(file));
  }

  SourceFiles& sources_;
  kj::Own<OpenFile> from_;
  const int depthLeft_;
  std::vector<std::string> names_;
  std::vector<std::pair<std::string, Behind>> behind_;
  std::size_t at_ = 0;  // in names_, then in behind_
  std::vector<SeenSource> seen_;
};

bool SourceFiles::isKept(const std::string& name, OpenFile& file) {
  auto known = find(name);
  return known != sources_.end() && known->file.get() == &file;
}

std::vector<std::string> SourceFiles::keptNames() const {
  std::vector<std::string> names;
  for (const Source& source : sources_) names.push_back(source.name);
  return names;
}

kj::Promise<std::vector<SeenSource>> SourceFiles::lookAgain(OpenFile& from, std::vector<std::string> names,
                                                            int depthLeft) {
  std::erase_if(names, [this](const std::string& name) { return places_.find(name) == places_.end(); });
  if (depthLeft == 0 || (names.empty() && remembered_.empty())) return std::vector<SeenSource>();
  auto look = kj::heap<LookAgain>(*this, from, std::move(names), depthLeft);
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
