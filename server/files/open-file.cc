#include "server/files/open-file.h"

#include <chrono>

#include "server/base/guarded.h"

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
  return session.server.executor.run<Stamp>(session.owner(), [fd = file.get()] { return stampOf(fd); })
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

// The version that has this stamp, or a later one: files that are not followed are waited for.
kj::Promise<kj::Own<FileVersion>> versionOf(SessionState& session, kj::Own<SharedFile> file, Stamp stamp) {
  const Settled settled = unsettledFor(stamp) == 0ns ? Settled::yes : Settled::no;
  auto following = session.server.versions.follow(*file, stamp, settled);
  return following.then([&session, file = kj::mv(file), stamp](kj::Maybe<kj::Own<FileVersion>> followed) mutable
                        -> kj::Promise<kj::Own<FileVersion>> {
    KJ_IF_MAYBE(version, followed) return kj::mv(*version);
    auto settling = settle(session, *file, stamp);
    return settling.then([&session, file = kj::mv(file)](Stamp stamp) mutable {
      return guarded([&] { return session.server.versions.get(kj::mv(file), stamp); });
    });
  });
}

}  // namespace

kj::Promise<kj::Own<OpenFile>> OpenFile::open(SessionState& session, std::string path, std::string below,
                                                rpc::Access access) {
  return session.server.opener.open(session.shared(), path, access)
      .then([&session, below](kj::Own<Opened> opened) mutable {
        auto file = kj::refcounted<SharedFile>(kj::mv(opened->file));
        auto current = versionOf(session, kj::mv(file), opened->stamp);
        return current.then([&session, below, opened = kj::mv(opened)](kj::Own<FileVersion> version) mutable {
          return kj::refcounted<OpenFile>(kj::addRef(session), opened->requestedPath, opened->finalPath, below,
                                          opened->grant, kj::mv(version));
        });
      })
      .attach(kj::addRef(session));
}

OpenFile::OpenFile(kj::Own<SessionState> session, std::string requestedPath, std::string finalPath, std::string below,
                   Grant grant, kj::Own<FileVersion> version)
    : session_(kj::mv(session)), requestedPath_(std::move(requestedPath)), finalPath_(std::move(finalPath)),
      below_(std::move(below)), grant_(std::move(grant)), latest_(kj::mv(version)), sources_(*session_) {}

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
        if (stamp == latest_->stamp() && latest_->settled() == Settled::yes) return latest();
        return versionOf(*session_, kj::mv(file), stamp).then([this](kj::Own<FileVersion> version) {
          latest_ = kj::mv(version);
          return latest();
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

kj::Promise<bool> OpenFile::mayBeStale(FileVersion& version, const kj::Exception& problem) {
  const ErrorCode code = errorOf(problem).code;
  // What is wrong with the question stays wrong while the file grows; what libhdf5 read may have changed under it.
  if (version.isFollowed() && code != ErrorCode::fileProblem && code != ErrorCode::failed) return false;
  auto file = version.sharedFile();
  auto stamped = readStamp(*session_, *file);
  return stamped
      .then([&version, file = kj::mv(file)](Stamp stamp) {
        if (stamp == version.stamp() && version.settled() == Settled::yes) return false;
        version.leave();
        return true;
      })
      .attach(kj::addRef(version), kj::addRef(*this));
}

kj::Exception OpenFile::named(kj::Exception problem) const {
  const ErrorText error = errorOf(problem);
  switch (error.code) {
    case ErrorCode::deadline:
    case ErrorCode::tooLarge:
    case ErrorCode::fileProblem:
    case ErrorCode::missingFilter:
      break;
    default:
      return problem;
  }
  const std::string name = shownPath() + ": ";
  return error.message.compare(0, name.size(), name) == 0 ? problem : wire::toKj(error.code, name + error.message);
}

kj::Promise<FileInfo> OpenFile::info(FileVersion& version) {
  return version.info().then([path = shownPath()](std::shared_ptr<const FileInfo> known) {
    FileInfo info = *known;
    info.path = path;
    return info;
  });
}

}  // namespace h5cap
