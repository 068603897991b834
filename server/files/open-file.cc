#include "server/files/open-file.h"

#include "server/base/guarded.h"

namespace h5cap {
namespace {

// Of an open file without its paths, and of what is kept of its sources.
constexpr std::uint64_t openFileBytes = 2048;

}  // namespace

kj::Promise<kj::Own<Opened>> openFor(SessionState& session, std::string path, rpc::Access access) {
  return inPromise([&] {
    auto lease = session.server.files.descriptorFor(*session.principal);
    return session.server.opener.open(session.shared(), kj::mv(path), access)
        .then([&session, lease = kj::mv(lease)](kj::Own<Opened> opened) mutable {
          opened->file->charge(session.principal->id(), kj::mv(lease));
          return opened;
        })
        .attach(kj::addRef(session));
  });
}

kj::Promise<kj::Own<OpenFile>> OpenFile::open(SessionState& session, std::string path, std::string below,
                                              rpc::Access access) {
  return openFor(session, kj::mv(path), access)
      .then([&session, below, access](kj::Own<Opened> opened) mutable {
        return guarded([&] {
          auto served = session.server.files.of(kj::mv(opened->file));
          return kj::refcounted<OpenFile>(kj::addRef(session), *opened, below, access, kj::mv(served));
        });
      })
      .attach(kj::addRef(session));
}

OpenFile::OpenFile(kj::Own<SessionState> session, const Opened& opened, std::string below, rpc::Access access,
                   kj::Own<ServedFile> served)
    : session_(kj::mv(session)),
      memory_(session_->principal->handleBytes().take(
          openFileBytes + opened.requestedPath.size() + opened.finalPath.size() + below.size())),
      requestedPath_(opened.requestedPath), finalPath_(opened.finalPath),
      below_(std::move(below)), grant_(opened.grant), access_(access), stateWhenOpened_(opened.stamp.state),
      served_(kj::mv(served)), sources_(session_->server.timer, session_->principal->handleBytes()) {}

std::string OpenFile::shownPath() const {
  const std::string prefix = below_ + "/";
  if (!below_.empty() && requestedPath_.compare(0, prefix.size(), prefix) == 0)
    return requestedPath_.substr(prefix.size());
  return requestedPath_;
}

kj::Promise<kj::Own<FileVersion>> OpenFile::current() {
  auto version = served_->isOpen() ? served_->current() : reopen();
  return version.attach(kj::addRef(*this));
}

// By the path: a descriptor that was given up leaves nothing else.  Whoever may not open the file any more may not read
// on.
kj::Promise<kj::Own<FileVersion>> OpenFile::reopen() {
  using Version = kj::Promise<kj::Own<FileVersion>>;
  return openFor(*session_, requestedPath_, access_)
      .then([this](kj::Own<Opened> opened) -> Version {
        if (opened->file->id() != served_->id())
          raiseKj(ErrorCode::changed, shownPath() + ": its path names another file now; open it again");
        grant_ = opened->grant;
        served_->reopen(kj::mv(opened->file));
        return served_->current();
      },
            [this](kj::Exception&& problem) -> Version {
              if (errorOf(problem).code != ErrorCode::notFound) kj::throwFatalException(kj::mv(problem));
              raiseKj(ErrorCode::changed, shownPath() + ": the file has been removed or renamed");
            });
}

kj::Promise<PathNow> OpenFile::pathNow() {
  return openFor(*session_, requestedPath_, rpc::Access::LIST)
      .then([this](kj::Own<Opened> opened) {
        return opened->file->id() == served_->id() ? PathNow::thisFile : PathNow::anotherFile;
      },
            [](kj::Exception&& problem) {
              if (errorOf(problem).code != ErrorCode::notFound) kj::throwFatalException(kj::mv(problem));
              return PathNow::nothing;
            })
      .attach(kj::addRef(*this));
}

kj::Promise<FileState> OpenFile::stateNow(FileVersion& version) {
  auto file = version.sharedFile();
  if (file->answersAtOnce()) return guarded([&] { return stateOf(file->get()); });
  const Lane& lane = file->lane();
  return session_->server.executor
      .run<FileState>(lane, session_->owner(), [file = kj::mv(file)] { return stateOf(file->get()); },
                      WorkSize::small)
      .attach(kj::addRef(*this));
}

kj::Promise<bool> OpenFile::unchanged(FileVersion& version) {
  return stateNow(version)
      .then([&version](FileState state) -> kj::Promise<bool> {
        if (state == version.state()) return true;
        // SWMR files are consistent by themselves; what cannot even be opened is no SWMR file.
        return version.info().then([](std::shared_ptr<const FileInfo> info) { return info->isSwmr; },
                                   [](kj::Exception&&) { return false; });
      })
      .attach(kj::addRef(version), kj::addRef(*this));
}

kj::Promise<bool> OpenFile::mayBeStale(FileVersion& version, const kj::Exception& problem) {
  const ErrorCode code = errorOf(problem).code;
  // What is wrong with the question stays wrong while the file grows; what libhdf5 read may have changed under it.
  const bool mayBeTorn = code == ErrorCode::fileProblem || code == ErrorCode::failed;
  if (version.isFollowed() && !mayBeTorn) return false;
  return stateNow(version)
      .then([&version, mayBeTorn](FileState state) {
        // In the same state, only what still may change without showing it is worth another try.
        const bool mayHide = version.stamp().stability == Stability::hidden ||
                             (version.isFollowed() && version.stamp().stability != Stability::settled);
        if (state == version.state() && !(mayBeTorn && mayHide)) return false;
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
