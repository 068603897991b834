#include "server/objects/open-file.h"

#include <chrono>

#include "server/objects/guarded.h"

namespace h5cap {
namespace {

using namespace std::chrono_literals;

// File systems count time in ticks of a few milliseconds: a file that changed this recently may change again without its
// stamp showing it.
constexpr std::chrono::nanoseconds stampGranularity = 10ms;
constexpr int settleAttempts = 4;

// How long until a change would show in the stamp; zero when it would already.
std::chrono::nanoseconds unsettledFor(const Stamp& stamp) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const std::int64_t age = now - std::max(stamp.modifiedNs, stamp.changedNs);
  if (age < 0 || age >= stampGranularity.count()) return 0ns;
  return stampGranularity - std::chrono::nanoseconds(age);
}

kj::Promise<Stamp> readStamp(SessionState& session, SharedFile& file) {
  return session.server.executor.run<Stamp>(session.connection->id, [fd = file.get()] { return stampOf(fd); })
      .attach(kj::addRef(file));
}

// A stamp that any later change will differ from, unless the file keeps changing.
kj::Promise<Stamp> settle(SessionState& session, SharedFile& file, Stamp stamp, int attempts = settleAttempts) {
  const auto wait = unsettledFor(stamp);
  if (wait == 0ns || attempts == 0) return stamp;
  return session.server.timer.afterDelay(wait.count() * kj::NANOSECONDS)
      .then([&session, &file] { return readStamp(session, file); })
      .then([&session, &file, attempts](Stamp next) { return settle(session, file, next, attempts - 1); });
}

}  // namespace

kj::Promise<kj::Own<OpenFile>> OpenFile::open(SessionState& session, std::string path, std::string below) {
  return session.server.opener.open(session.identity, path)
      .then([&session, below](kj::Own<Opened> opened) mutable {
        auto file = kj::refcounted<SharedFile>(kj::mv(opened->file));
        auto settled = settle(session, *file, opened->stamp);
        return settled.then([&session, below, opened = kj::mv(opened), file = kj::mv(file)](Stamp stamp) mutable {
          return guarded([&] {
            auto version = session.server.versions.get(kj::mv(file), stamp);
            return kj::refcounted<OpenFile>(kj::addRef(session), opened->requestedPath, opened->finalPath, below,
                                            kj::mv(version));
          });
        });
      })
      .attach(kj::addRef(session));
}

OpenFile::OpenFile(kj::Own<SessionState> session, std::string requestedPath, std::string finalPath, std::string below,
                   kj::Own<FileVersion> version)
    : session_(kj::mv(session)), requestedPath_(std::move(requestedPath)), finalPath_(std::move(finalPath)),
      below_(std::move(below)), latest_(kj::mv(version)), sources_(*session_) {}

std::string OpenFile::shownPath() const {
  const std::string prefix = below_ + "/";
  if (!below_.empty() && requestedPath_.compare(0, prefix.size(), prefix) == 0)
    return requestedPath_.substr(prefix.size());
  return requestedPath_;
}

kj::Promise<kj::Own<FileVersion>> OpenFile::current() {
  auto file = latest_->sharedFile();
  auto stamped = readStamp(*session_, *file);
  return stamped
      .then([this, file = kj::mv(file)](Stamp stamp) mutable -> kj::Promise<kj::Own<FileVersion>> {
        if (stamp == latest_->stamp()) return latest();
        auto settled = settle(*session_, *file, stamp);
        return settled.then([this, file = kj::mv(file)](Stamp stamp) mutable {
          return guarded([&] {
            latest_ = session_->server.versions.get(kj::mv(file), stamp);
            return latest();
          });
        });
      })
      .attach(kj::addRef(*this));
}

kj::Promise<bool> OpenFile::unchanged(FileVersion& version) {
  auto file = version.sharedFile();
  auto stamped = readStamp(*session_, *file);
  return stamped
      .then([&version, file = kj::mv(file)](Stamp stamp) -> kj::Promise<bool> {
        if (stamp == version.stamp()) return true;
        // SWMR files are consistent by themselves; what cannot even be opened is no SWMR file.
        return version.info().then([](std::shared_ptr<const FileInfo> info) { return info->isSwmr; },
                                   [](kj::Exception&&) { return false; });
      })
      .attach(kj::addRef(version), kj::addRef(*this));
}

kj::Promise<FileInfo> OpenFile::info(FileVersion& version) {
  return version.info().then([path = shownPath()](std::shared_ptr<const FileInfo> known) {
    FileInfo info = *known;
    info.path = path;
    return info;
  });
}

}  // namespace h5cap
