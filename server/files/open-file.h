// One file that a session has open: where it was found, and the file itself, which it shares with all who have it open.
#pragma once

#include <kj/refcount.h>

#include <memory>
#include <string>

#include "server/versions/served-file.h"
#include "server/session/server-context.h"
#include "server/files/source-files.h"

namespace h5cap {

// What the path of an open file leads to by now.
enum class PathNow { thisFile, anotherFile, nothing };

// Opens a file by its path for a session, whose principal pays for the descriptor.  Busy: they have too many.  As
// Opener::open.
kj::Promise<kj::Own<Opened>> openFor(SessionState& session, std::string path, rpc::Access access);

class OpenFile : public kj::Refcounted {
 public:
  // Opens `path`, a path in the exports, for this session, which has to be allowed `access` at least.  `below` is the
  // directory that the file is asked of: names shown to the client start there.  NotFound, Denied, FileError.
  static kj::Promise<kj::Own<OpenFile>> open(SessionState& session, std::string path, std::string below,
                                             rpc::Access access);

  OpenFile(kj::Own<SessionState> session, const Opened& opened, std::string below, rpc::Access access,
           kj::Own<ServedFile> served);

  SessionState& session() { return *session_; }
  const std::string& requestedPath() const { return requestedPath_; }
  const std::string& finalPath() const { return finalPath_; }
  const std::string& below() const { return below_; }
  const Grant& grant() const { return grant_; }  // what the session may do with it
  void renew(Grant grant) { grant_ = std::move(grant); }  // another one for the same path
  std::string shownPath() const;
  const FileState& stateWhenOpened() const { return stateWhenOpened_; }

  // Behind the virtual datasets in this file.
  SourceFiles& sources() { return sources_; }

  // The file, whoever has it open.
  ServedFile& served() { return *served_; }

  // The version that was current when somebody last looked, if it may be read again.
  kj::Maybe<kj::Own<FileVersion>> latest() { return served_->latest(); }

  // The version that is current: asks the file system.  `changed` when the file had rested and its path leads elsewhere
  // now.
  kj::Promise<kj::Own<FileVersion>> current();

  // Whether its path still leads to it.  Denied.
  kj::Promise<PathNow> pathNow();

  // Whether `version` still is what the file holds; for versions of a SWMR file always.
  kj::Promise<bool> unchanged(FileVersion& version);

  // Whether a change of the file may be why a question to `version` ended with `problem`, so that the next version may
  // do better.
  kj::Promise<bool> mayBeStale(FileVersion& version, const kj::Exception& problem);

  // Calls `question` with the current version; once more, with the next one, when it fails and the file has changed
  // meanwhile.  Problems with the file begin with its name.
  template <class T>
  kj::Promise<T> consult(kj::Function<kj::Promise<T>(FileVersion&)> question);

  // A planner does not know the name of its file: its problem with the name in front, unless it begins with it.
  kj::Exception named(kj::Exception problem) const;

  // As the client sees it.  Fails when the file is not HDF5.
  kj::Promise<FileInfo> info(FileVersion& version);

 private:
  kj::Promise<kj::Own<FileVersion>> reopen();
  kj::Promise<FileState> stateNow(FileVersion& version);

  kj::Own<SessionState> session_;
  StockLease memory_;
  std::string requestedPath_;
  std::string finalPath_;
  std::string below_;
  Grant grant_;
  rpc::Access access_;
  FileState stateWhenOpened_;
  kj::Own<ServedFile> served_;
  SourceFiles sources_;
};

// A path in one file; objects are found by it in every version.
struct NodePlace {
  kj::Own<OpenFile> file;
  std::string path;                        // absolute, unless it starts at what `token` names
  std::shared_ptr<const Bytes> token = {};  // a reference to an object that no path from the root leads to

  NodePlace clone() { return {kj::addRef(*file), path, token}; }

  // "raw/scan.nxs: /entry/data", for messages.
  std::string text() const { return file->shownPath() + ": " + path; }
};

// ---------------------------------------------------------------------------------------------------- implementation

namespace detail {

inline constexpr int consultations = 4;

template <class T>
kj::Promise<T> consultAgain(OpenFile& file, std::shared_ptr<kj::Function<kj::Promise<T>(FileVersion&)>> question,
                            int left) {
  return file.current().then([&file, question, left](kj::Own<FileVersion> version) -> kj::Promise<T> {
    auto answer = (*question)(*version);
    return answer.catch_([&file, question, left, version = kj::mv(version)](kj::Exception&& problem) mutable
                         -> kj::Promise<T> {
      if (left <= 1) return file.named(kj::mv(problem));
      auto checked = file.mayBeStale(*version, problem);
      return checked.then(
          [&file, question, left, problem = kj::mv(problem), version = kj::mv(version)](bool isStale) mutable
          -> kj::Promise<T> {
            if (!isStale) return file.named(kj::mv(problem));
            return consultAgain<T>(file, question, left - 1);
          });
    });
  });
}

}  // namespace detail

template <class T>
kj::Promise<T> OpenFile::consult(kj::Function<kj::Promise<T>(FileVersion&)> question) {
  auto shared = std::make_shared<kj::Function<kj::Promise<T>(FileVersion&)>>(kj::mv(question));
  return detail::consultAgain<T>(*this, shared, detail::consultations).attach(kj::addRef(*this));
}

}  // namespace h5cap
