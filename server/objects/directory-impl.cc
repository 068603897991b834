#include "server/objects/directory-impl.h"

#include <limits.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "server/objects/group-impl.h"
#include "server/planner-pool/answer-checks.h"

namespace h5cap {
namespace {

constexpr std::uint32_t maxPage = 10'000;
constexpr std::uint32_t maxSnapshotBytes = 8 << 20;
constexpr std::uint32_t maxSnapshotMs = 200;
constexpr std::size_t maxPathBytes = PATH_MAX;  // the system's own limit
constexpr std::size_t maxShownBytes = 80;

using AnswerPointer = std::shared_ptr<kj::Own<PlannerAnswer>>;

// What openFile answers, apart from the capability.
struct OpenedFile {
  FileInfo info;
  AnswerPointer snapshot;  // null: none
};

// What is asked of openFile about the file.
struct WantedOfFile {
  std::uint32_t snapshotBytes = 0;
  Version knownVersion;  // nothing is sent of its snapshot
  Version ifVersion;     // no other will do
};

// A small one at once.
kj::Promise<AnswerPointer> checkedSnapshot(Executor& executor, WorkOwner owner, kj::Own<PlannerAnswer> answer,
                                           ObjectId root, std::uint64_t bytes) {
  if (!answer->reply().isSnapshot()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
  auto kept = std::make_shared<kj::Own<PlannerAnswer>>(kj::mv(answer));
  auto check = [kept, root, bytes] { checkSnapshot((*kept)->reply().getSnapshot(), root, bytes); };
  if (isLargeSnapshot((*kept)->reply().getSnapshot()))
    return executor.run<void>(owner, kj::mv(check)).then([kept] { return kept; });
  guarded(check);
  return kept;
}

kj::Promise<OpenedFile> describeFile(Caller& caller, OpenFile& file, FileVersion& version,
                                     const WantedOfFile& wanted) {
  return file.info(version).then([&caller, &file, &version, &wanted](FileInfo info) -> kj::Promise<OpenedFile> {
    if (!wanted.ifVersion.empty() && !version.satisfies(wanted.ifVersion))
      raiseKj(ErrorCode::changed, file.shownPath() + ": the file is not the version that was asked for");
    const bool isKnown = !wanted.knownVersion.empty() && wanted.knownVersion == version.version() &&
                         version.isSettled();
    if (wanted.snapshotBytes == 0 || isKnown) return OpenedFile{kj::mv(info), nullptr};
    const std::uint32_t bytes = std::min(wanted.snapshotBytes, maxSnapshotBytes);
    auto& connection = *caller.connection;
    auto asked = connection.replyBytes->take(bytes).then([&version, &connection, &executor = caller.server.executor,
                                                          owner = caller.owner(), root = info.rootId,
                                                          bytes](kj::Own<Quota::Lease> room) {
      auto answer = version.ask([bytes](rpc::PlannerRequest::Builder request) {
        auto snapshot = request.initSnapshot();
        snapshot.setMaxBytes(bytes);
        snapshot.setMaxMs(maxSnapshotMs);
      });
      return answer
          .then([&executor, owner, root, bytes](kj::Own<PlannerAnswer> answer) {
            return checkedSnapshot(executor, owner, kj::mv(answer), root, bytes);
          })
          .then([&connection, room = kj::mv(room)](AnswerPointer answer) mutable {
            connection.giveBackLater(kj::mv(room));
            return answer;
          });
    });
    return asked.then([info](AnswerPointer answer) mutable {
                        return OpenedFile{kj::mv(info), kj::mv(answer)};
                      },
                      [info](kj::Exception&&) mutable {
                        // A tree that cannot be walked whole, or is none, may still be asked for object by object.
                        return OpenedFile{kj::mv(info), nullptr};
                      });
  });
}

}  // namespace

std::string DirectoryImpl::below(capnp::Text::Reader text) const {
  const std::string_view asked(text.begin(), text.size());
  std::string path = path_;
  // What is absolute stays so, at the root: a server of the whole file system is asked by paths of the host, any other
  // refuses.
  if (path.empty() && asked.starts_with('/')) path.push_back('/');
  for (std::size_t at = 0; at < asked.size();) {
    const std::size_t end = std::min(asked.find('/', at), asked.size());
    const std::string_view component = asked.substr(at, end - at);
    at = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..") raiseKj(ErrorCode::denied, "a path leads above the directory that it is asked of: '..'");
    if (!path.empty() && path.back() != '/') path.push_back('/');
    path.append(component);
    if (path.size() > maxPathBytes)
      raiseKj(ErrorCode::notFound, "no file's path is this long: " + path.substr(0, maxShownBytes) + "...");
  }
  return path;
}

kj::Promise<void> DirectoryImpl::list(ListContext context) {
  context.allowCancellation();
  auto params = context.getParams();
  auto cursor = params.getCursor();
  WantedPage wanted{{reinterpret_cast<const char*>(cursor.begin()), cursor.size()},
                    std::clamp<std::uint32_t>(params.getLimit(), 1, maxPage)};
  std::string path = below(params.getPath());
  context.releaseParams();
  return session_->server.opener.list(session_->shared(), kj::mv(path), std::move(wanted))
      .then([context](FolderPage page) mutable {
        guarded([&] {
          auto results = context.getResults();
          auto entries = results.initEntries(page.entries.size());
          for (std::size_t i = 0; i < page.entries.size(); ++i) wire::write(page.entries[i], entries[i]);
          results.setNext(kj::arrayPtr(reinterpret_cast<const kj::byte*>(page.next.data()), page.next.size()));
        });
      });
}

kj::Promise<void> DirectoryImpl::open(OpenContext context) {
  context.allowCancellation();
  std::string path = below(context.getParams().getPath());
  context.releaseParams();
  return session_->server.opener.openDirectory(session_->shared(), path)
      .then([this, &asking = asking(), context, path](Grant grant) mutable {
        context.getResults().setDirectory(handOut<DirectoryImpl>(
            asking.caller, std::move(grant), kj::addRef(*session_), std::move(path)));
      });
}

kj::Promise<void> DirectoryImpl::openFile(OpenFileContext context) {
  context.allowCancellation();
  auto params = context.getParams();
  const auto access = params.getOptions().getAccess();
  if (access == rpc::Access::NONE)
    raiseKj(ErrorCode::denied, "a file opened without any right: ask for `list` or `read`");
  if (access > rpc::Access::READ) raiseKj(ErrorCode::unimplemented, "files are served for reading only, so far");
  auto wanted = std::make_shared<WantedOfFile>();
  wanted->snapshotBytes = params.getOptions().getSnapshotBytes();
  wanted->knownVersion = wire::readBytes(params.getOptions().getKnownVersion());
  wanted->ifVersion = wire::readBytes(params.getOptions().getIfVersion());
  std::string path = below(params.getPath());
  context.releaseParams();
  return OpenFile::open(*session_, kj::mv(path), path_, access)
      .then([&asking = asking(), access, context, wanted](kj::Own<OpenFile> file) mutable {
        auto& opened = *file;
        auto described = opened.consult<OpenedFile>([&asking, &opened, wanted](FileVersion& version) {
          return describeFile(asking.caller, opened, version, *wanted).attach(kj::addRef(version));
        });
        return described.then([&asking, access, context, file = kj::mv(file)](OpenedFile result) mutable {
          guarded([&] {
            auto results = context.getResults();
            wire::write(result.info, results.initInfo());
            if (result.snapshot != nullptr) results.setSnapshot((*result.snapshot)->reply().getSnapshot());
            Grant grant = file->grant().narrowedTo(access);
            results.setFile(handOut<FileImpl>(asking.caller, std::move(grant), kj::mv(file)));
          });
        });
      });
}

}  // namespace h5cap
