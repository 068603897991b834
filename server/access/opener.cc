#include "server/access/opener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "core/wire.h"
#include "server/access/beneath.h"
#include "server/access/export-paths.h"
#include "server/access/located.h"
#include "server/base/work-queue.h"

namespace h5cap {

namespace {

constexpr unsigned THREADS_PER_EXPORT = 2;

// One request, on a thread of its export.  Owns all it uses.
struct Request {
  std::shared_ptr<const ExportTable> table;
  Identity identity;
  std::string path;  // as requested
  ExportPath place;
};

// What a request resolved to.  Nothing is open for reading yet.
struct Resolved {
  kj::AutoCloseFd target;
  ExportPath finalPlace;
  std::string finalPath;
  struct stat status;
};

Resolved locate(const Request& request) {
  Located located = locate(*request.table, request.place, request.path);
  std::string root = pathOf(located.folder, request.path), host = pathOf(located.target, request.path);
  Resolved result;
  result.finalPlace = ExportPath{located.exported, "."};
  if (host != root) {
    if (root != "/") root += "/";
    if (host.compare(0, root.size(), root) != 0) raiseErrno(EXDEV, request.path);  // moved away meanwhile
    result.finalPlace.inside = host.substr(root.size());
  }
  result.finalPath = request.table->name(result.finalPlace);
  result.target = kj::mv(located.target);
  if (fstat(result.target, &result.status) != 0) raiseErrno(errno, request.path);
  return result;
}

// Authorised, whether it was found or not: an identity without rights learns nothing from the kind of error.
Resolved resolve(const Request& request, Operation operation) {
  Resolved result;
  try {
    result = locate(request);
  } catch (const Error&) {
    authorise(request.identity, request.path, request.table->name(request.place), operation);
    throw;
  }
  authorise(request.identity, request.path, result.finalPath, operation);
  return result;
}

kj::Own<Opened> openFile(const Request& request) {
  Resolved resolved = resolve(request, Operation::read);
  if (S_ISDIR(resolved.status.st_mode)) throw FileError(request.path + ": is a directory");
  if (!S_ISREG(resolved.status.st_mode)) throw FileError(request.path + ": is not a regular file");
  auto opened = kj::heap<Opened>();
  opened->file = reopen(resolved.target, O_RDONLY, request.path);
  opened->stamp = stampOf(opened->file);
  opened->requestedPath = request.path;
  opened->finalPath = resolved.finalPath;
  return opened;
}

// Attributes of one entry, links followed as far as the export goes.  False when there is nothing that could be opened.
bool examine(const Request& request, const Resolved& directory, int stream, const std::string& name,
             struct stat& status) {
  if (fstatat(stream, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (S_ISLNK(status.st_mode)) {
    ExportPath link{directory.finalPlace.exported, directory.finalPlace.inside + "/" + name};
    try {
      if (fstat(locate(*request.table, link, name).target, &status) != 0) return false;
    } catch (const Error&) {
      return false;
    }
  }
  return S_ISDIR(status.st_mode) || S_ISREG(status.st_mode);
}

std::vector<DirectoryEntry> listDirectory(const Request& request) {
  Resolved resolved = resolve(request, Operation::list);
  if (!S_ISDIR(resolved.status.st_mode)) throw FileError(request.path + ": is not a directory");
  auto descriptor = reopen(resolved.target, O_RDONLY | O_DIRECTORY, request.path);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(descriptor), closedir);
  if (stream == nullptr) raiseErrno(errno, request.path);
  descriptor.release();
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* item = readdir(stream.get());
    if (item == nullptr) break;
    std::string name = item->d_name;
    struct stat status;
    if (name == "." || name == ".." || !examine(request, resolved, dirfd(stream.get()), name, status)) continue;
    bool isDirectory = S_ISDIR(status.st_mode);
    std::int64_t modifiedNs = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    entries.push_back({name, isDirectory, isDirectory ? 0 : static_cast<std::uint64_t>(status.st_size), modifiedNs});
  }
  if (errno != 0) raiseErrno(errno, request.path);
  std::sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return entries;
}

void checkDirectory(const Request& request) {
  if (!S_ISDIR(resolve(request, Operation::list).status.st_mode)) {
    throw FileError(request.path + ": is not a directory");
  }
}

class OpenerImpl final : public Opener {
 public:
  explicit OpenerImpl(ExportTable table) : table_(std::make_shared<const ExportTable>(std::move(table))) {
    for (const Export& one : table_->exports()) queues_[one.name] = kj::heap<WorkQueue>(THREADS_PER_EXPORT);
  }

  kj::Promise<kj::Own<Opened>> open(Identity identity, std::string path) override {
    return kj::evalNow([&] {
      Request request = prepare(std::move(identity), std::move(path), Operation::read);
      WorkQueue& queue = *queues_.at(request.place.exported->name);
      return runOn<kj::Own<Opened>>(queue, [request = std::move(request)] { return openFile(request); });
    });
  }

  kj::Promise<std::vector<DirectoryEntry>> list(Identity identity, std::string path) override {
    return kj::evalNow([&]() -> kj::Promise<std::vector<DirectoryEntry>> {
      if (isRoot(path) && !table_->wholeFilesystem()) return listExports(identity);
      Request request = prepare(std::move(identity), std::move(path), Operation::list);
      WorkQueue& queue = *queues_.at(request.place.exported->name);
      return runOn<std::vector<DirectoryEntry>>(queue,
                                                [request = std::move(request)] { return listDirectory(request); });
    });
  }

  kj::Promise<void> checkDirectory(Identity identity, std::string path) override {
    return kj::evalNow([&]() -> kj::Promise<void> {
      if (isRoot(path) && !table_->wholeFilesystem()) {
        listExports(identity);
        return kj::READY_NOW;
      }
      Request request = prepare(std::move(identity), std::move(path), Operation::list);
      WorkQueue& queue = *queues_.at(request.place.exported->name);
      return runOn<bool>(queue, [request = std::move(request)] {
               h5cap::checkDirectory(request);
               return true;
             })
          .ignoreResult();
    });
  }

  std::vector<std::string> candidates(const std::string& from, const std::string& name) const override {
    return table_->candidates(from, name);
  }

  std::vector<std::string> rawCandidates(const std::string& from, const std::string& name) const override {
    return table_->candidates(from, name, Search::exact);
  }

 private:
  Request prepare(Identity identity, std::string path, Operation operation) const {
    try {
      ExportPath place = table_->locate(path);
      return Request{table_, std::move(identity), std::move(path), std::move(place)};
    } catch (const Error& error) {
      try {
        authorise(identity, path, path, operation);
      } catch (const Error& denied) {
        throw wire::toKj(denied.code(), denied.what());
      }
      throw wire::toKj(error.code(), error.what());
    }
  }

  std::vector<DirectoryEntry> listExports(const Identity& identity) const {
    try {
      authorise(identity, "", "", Operation::list);
    } catch (const Error& denied) {
      throw wire::toKj(denied.code(), denied.what());
    }
    // Not examined: one of them may hang.
    std::vector<DirectoryEntry> entries;
    for (const Export& one : table_->exports()) entries.push_back({one.name, true, 0, 0});
    return entries;
  }

  std::shared_ptr<const ExportTable> table_;
  std::map<std::string, kj::Own<WorkQueue>> queues_;
};

}  // namespace

kj::Own<Opener> makeOpener(std::vector<Export> exports, bool wholeFilesystem) {
  return kj::heap<OpenerImpl>(ExportTable(std::move(exports), wholeFilesystem));
}

}  // namespace h5cap
