#include "server/versions/served-file.h"

#include <algorithm>

#include "server/base/guarded.h"

namespace h5cap {
namespace {

using namespace std::chrono_literals;

// How often, and how long each time, a file that has just changed is waited for: what is read of it meanwhile may be
// torn.
constexpr int settleAttempts = 4;
constexpr std::chrono::nanoseconds longestWait = 20ms;

std::string textOf(const FileState& state) {
  const Version version = state.version();
  return {reinterpret_cast<const char*>(version.data()), version.size()};
}

}  // namespace

ServedFile::ServedFile(ServedFiles& files, kj::Own<const SharedFile> file)
    : files_(files), id_(file->id()), settle_(file->settle()), lastUsed_(files.timer_.now()) {
  file_ = kj::mv(file);
  files_.all_[id_] = this;
}

ServedFile::~ServedFile() noexcept(false) { files_.all_.erase(id_); }

void ServedFile::reopen(kj::Own<const SharedFile> file) {
  settle_ = std::max(settle_, file->settle());
  if (file_ == nullptr) file_ = kj::mv(file);
  KJ_ASSERT_NONNULL(file_)->settleNoSooner(settle_);
  files_.use(*this);
}

ServedFile::Look ServedFile::beginLook() {
  files_.use(*this);
  return {kj::atomicAddRef(*KJ_REQUIRE_NONNULL(file_, "a file that rests cannot be examined")), settleAttempts};
}

// In a turn of the server's own: who shares a look does not wait behind the work of whoever asked first.
kj::Promise<Stamp> ServedFile::stampOf(const SharedFile& file, std::shared_ptr<std::atomic<bool>> hasLooked) {
  auto look = [file = kj::atomicAddRef(file), hasLooked = std::move(hasLooked)] {
    *hasLooked = true;
    return file->look();
  };
  return files_.executor_.run<Stamp>(file.lane(), WorkOwner{}, kj::mv(look), WorkSize::small);
}

kj::Promise<kj::Own<FileVersion>> ServedFile::current() {
  Look look = beginLook();
  auto before = kj::Promise<void>(kj::READY_NOW);
  KJ_IF_MAYBE(last, refresh_) {
    if (!*last->hasLooked) return last->version.addBranch().attach(kj::addRef(*this));
    // It has looked already: what it finds may be older than the question.
    if (!*last->isDone) before = last->version.addBranch().ignoreResult().catch_([](kj::Exception&&) {});
  }
  auto hasLooked = std::make_shared<std::atomic<bool>>(false);
  auto isDone = std::make_shared<bool>(false);
  auto version = before.then([this, look = kj::mv(look), hasLooked]() mutable {
    return refresh(kj::mv(look), hasLooked);
  }).attach(kj::defer([isDone] { *isDone = true; }));
  auto& next = refresh_.emplace(Refresh{version.fork(), kj::mv(hasLooked), kj::mv(isDone)});
  return next.version.addBranch().attach(kj::addRef(*this));
}

kj::Promise<kj::Own<FileVersion>> ServedFile::refresh(Look look, std::shared_ptr<std::atomic<bool>> hasLooked) {
  auto looking = stampOf(*look.file, std::move(hasLooked));
  return looking.then([this, look = kj::mv(look)](Stamp stamp) mutable { return versionOf(kj::mv(look), stamp); });
}

kj::Promise<kj::Own<FileVersion>> ServedFile::versionOf(Look look, Stamp stamp) {
  KJ_IF_MAYBE(known, latest_) {
    if ((*known)->isStillTrueOf(stamp)) return kj::addRef(**known);
    // A file that shrank was written anew.
    if ((*known)->isFollowed() && stamp.state.size >= (*known)->state().size)
      return follow(kj::mv(look), stamp, **known);
  }
  return anew(kj::mv(look), stamp);
}

// The planner of a file that is known for its live SWMR writer goes on, which takes no process, and no time for the
// stamp to settle.
kj::Promise<kj::Own<FileVersion>> ServedFile::follow(Look look, Stamp stamp, FileVersion& before) {
  auto name = files_.nameOf(Stamp(stamp.state, stamp.takenNs, Stability::visible));
  auto next = kj::refcounted<FileVersion>(kj::atomicAddRef(*look.file), stamp, std::move(name), before);
  auto refreshed = next->refresh().catch_([](kj::Exception&&) { return false; });
  return refreshed.then([this, look = kj::mv(look), stamp, next = kj::mv(next)](bool isLive) mutable
                        -> kj::Promise<kj::Own<FileVersion>> {
    if (isLive) return become(kj::mv(next));
    return anew(kj::mv(look), stamp);
  });
}

kj::Promise<kj::Own<FileVersion>> ServedFile::anew(Look look, Stamp stamp) {
  const auto wait = std::min(hiddenFor(stamp), longestWait);
  if (wait > 0ns && look.attemptsLeft-- > 0) {
    return files_.timer_.afterDelay(wait.count() * kj::NANOSECONDS).then([this, look = kj::mv(look)]() mutable {
      auto looking = stampOf(*look.file, std::make_shared<std::atomic<bool>>(false));
      return looking.then([this, look = kj::mv(look)](Stamp next) mutable { return anew(kj::mv(look), next); });
    });
  }
  // Somebody else may have come here meanwhile.
  KJ_IF_MAYBE(known, latest_) {
    if ((*known)->isStillTrueOf(stamp)) return kj::addRef(**known);
  }
  auto name = files_.nameOf(stamp);
  auto planner = files_.planners_.planner(kj::atomicAddRef(*look.file), textOf(stamp.state));
  return become(
      kj::refcounted<FileVersion>(kj::mv(look.file), stamp, std::move(name), kj::mv(planner), files_.memory_));
}

kj::Own<FileVersion> ServedFile::become(kj::Own<FileVersion> version) {
  if (file_ != nullptr) latest_ = version->addRef();  // one that has come to rest meanwhile keeps nothing
  return version;
}

kj::Maybe<kj::Own<FileVersion>> ServedFile::latest() {
  files_.use(*this);
  KJ_IF_MAYBE(known, latest_) {
    if ((*known)->isSettled() || (*known)->isFollowed()) return kj::addRef(**known);
  }
  return nullptr;
}

// A refresh that has ended keeps what it found.
void ServedFile::forgetRefresh() {
  KJ_IF_MAYBE(last, refresh_) {
    if (*last->isDone) refresh_ = nullptr;
  }
}

// Rests unless somebody reads, who would keep the descriptor open.
bool ServedFile::tryRest() {
  forgetRefresh();
  if (refresh_ != nullptr) return false;
  KJ_IF_MAYBE(version, latest_) {
    if ((*version)->isShared()) return false;
  }
  latest_ = nullptr;
  if (KJ_REQUIRE_NONNULL(file_, "a file that rests has nothing to give up")->isShared()) return false;
  rest();
  return true;
}

// Gives up descriptor and planner; those who read at the moment have them as long as they do.
void ServedFile::rest() {
  forgetRefresh();
  latest_ = nullptr;
  file_ = nullptr;
}

ServedFiles::ServedFiles(PlannerPool& planners, Executor& executor, const SharedCache& memory, kj::Timer& timer,
                         ServedFilesOptions options)
    : planners_(planners), executor_(executor), memory_(memory), timer_(timer), options_(options),
      sweeping_(sweep().eagerlyEvaluate(nullptr)) {}

// For who has few, idle files of others give way, too: they are opened again at little cost.
StockLease ServedFiles::descriptorFor(const Principal& principal) {
  auto isTheirs = [&](const SharedFile& file) { return file.chargedTo() == principal.id(); };
  auto isAnybodys = [](const SharedFile&) { return true; };
  do {
    if (auto lease = principal.descriptors().tryTake(1)) return std::move(*lease);
  } while (closeOneOf(isTheirs) || (principal.descriptors().isSmall() && closeOneOf(isAnybodys)));
  return principal.descriptors().take(1);
}

kj::Own<ServedFile> ServedFiles::of(kj::Own<const SharedFile> file) {
  auto known = all_.find(file->id());
  if (known == all_.end()) {
    auto served = kj::refcounted<ServedFile>(*this, kj::mv(file));
    use(*served);
    return served;
  }
  auto served = kj::addRef(*known->second);
  served->reopen(kj::mv(file));
  return served;
}

// One that is settled always has the same; another one has one of its own.
std::string ServedFiles::nameOf(const Stamp& stamp) {
  std::string name = textOf(stamp.state);
  if (stamp.stability != Stability::settled) name += "#" + std::to_string(++lastUnsettled_);
  return name;
}

void ServedFiles::use(ServedFile& file) {
  file.lastUsed_ = timer_.now();
  KJ_IF_MAYBE(place, file.place_) {
    open_.splice(open_.begin(), open_, *place);
  } else if (file.isOpen()) {
    open_.push_front(kj::addRef(file));
    file.place_ = open_.begin();
  }
}

// What has come to rest is open no more.
void ServedFiles::remove(ServedFile& file) {
  auto place = KJ_ASSERT_NONNULL(file.place_);
  file.place_ = nullptr;
  open_.erase(place);  // perhaps the last that held it
}

template <class IsWanted>
bool ServedFiles::closeOneOf(IsWanted&& isWanted) {
  for (auto at = open_.rbegin(); at != open_.rend(); ++at) {
    ServedFile& file = **at;
    if (!isWanted(*KJ_ASSERT_NONNULL(file.file_)) || !file.tryRest()) continue;
    remove(file);
    return true;
  }
  return false;
}

kj::Promise<void> ServedFiles::sweep() {
  const auto idleTime = options_.idleTime.count() * kj::SECONDS;
  return timer_.afterDelay(std::clamp<kj::Duration>(idleTime / 4, 100 * kj::MILLISECONDS, 15 * kj::SECONDS))
      .then([this, idleTime] {
        const auto limit = timer_.now() - idleTime;
        while (!open_.empty() && open_.back()->lastUsed_ <= limit) {
          open_.back()->rest();
          remove(*open_.back());
        }
        return sweep();
      });
}

}  // namespace h5cap
