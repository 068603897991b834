#include "server/access/opener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "server/access/beneath.h"
#include "server/access/export-paths.h"
#include "server/access/folder-names.h"
#include "server/access/located.h"
#include "server/access/opening-lanes.h"
#include "server/base/guarded.h"
#include "server/base/work.h"

namespace h5cap {

namespace {

// A page of names that nothing can be opened of ends, too; but a page that is not the last has an entry.
std::size_t mostLooks(std::uint32_t limit) { return std::size_t{limit} * 2 + 1000; }
constexpr std::size_t looksBetweenChecks = 64;

constexpr int MOST_MOVES = 4;  // from a lane to another, as what hangs becomes known

// One request, on a thread of its export.  Owns all it uses.
struct Request {
  std::shared_ptr<const ExportTable> table;
  std::shared_ptr<const Authoriser> authoriser;
  std::shared_ptr<OpeningLanes> lanes;
  kj::Own<const Principal> principal;
  std::string path;  // as requested
  rpc::Access access;
  ExportPath place;
  std::shared_ptr<ListingsUnderWay> listings;
  WantedPage page;  // of a listing

  Grant authorise(const std::optional<std::string>& finalPath) const {
    return authoriser->authorise({*principal, path, finalPath, access});
  }
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
  request.lanes->learn(request.place, result.status.st_dev);
  return result;
}

// Asks for the folders on the way to a place one after the other, those that are known apart.  What is wrong with one
// is for whoever opens the place to say.
void walkTo(const Request& request, OpeningLanes::Asking& asking) {
  const auto parts = components(folderOf(request.place.inside));
  for (std::size_t count = 0; count <= parts.size(); ++count) {
    const ExportPath folder{request.place.exported, join({parts.begin(), parts.begin() + count})};
    if (request.lanes->deviceOf(folder)) continue;
    asking.at(folder.inside);
    try {
      Located located = locate(*request.table, folder, request.path);
      struct stat status;
      if (fstat(located.target, &status) != 0) return;
      request.lanes->learnFolder(folder, status.st_dev);
    } catch (const Error&) {
      return;
    }
  }
}

kj::Own<Opened> openFile(const Request& request) {
  Resolved resolved = locate(request);
  Grant grant = request.authorise(resolved.finalPath);
  if (S_ISDIR(resolved.status.st_mode)) throw FileError(request.path + ": is a directory");
  if (!S_ISREG(resolved.status.st_mode)) throw FileError(request.path + ": is not a regular file");
  auto file = kj::atomicRefcounted<SharedFile>(reopen(resolved.target, O_RDONLY, request.path),
                                               resolved.finalPlace.exported->settle,
                                               request.lanes->laneOf(*resolved.finalPlace.exported,
                                                                     resolved.status.st_dev));
  const Stamp stamp = file->look();
  return kj::heap<Opened>(Opened{kj::mv(file), stamp, request.path, resolved.finalPath, std::move(grant)});
}

// What a symbolic link leads to, as far as the exports go and whoever asks may see.  False for nothing.
bool examineLink(const Request& request, const Resolved& directory, const std::string& name, struct stat& status) {
  ExportPath place{directory.finalPlace.exported, directory.finalPlace.inside + "/" + name};
  Request link{request.table,
               request.authoriser,
               request.lanes,
               kj::atomicAddRef(*request.principal),
               request.table->name(place),
               request.access,
               std::move(place),
               nullptr,
               {}};
  try {
    Resolved resolved = locate(link);
    link.authorise(resolved.finalPath);
    status = resolved.status;
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Attributes of one entry; nothing when there is nothing that could be opened.  One operation of the file system, but
// for links, and none for what the folder itself says is something else.  An entry that the file system cannot tell
// about is one without attributes: opening it says what is wrong.
std::optional<DirectoryEntry> examine(const Request& request, const Resolved& directory, const FolderNames& names,
                                      std::size_t number) {
  const auto type = names.type(number);
  if (type != DT_REG && type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN) return std::nullopt;
  std::string name(names.name(number));
  struct stat status;
  bool isLink = type == DT_LNK;
  if (!isLink) {
    if (fstatat(directory.target, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT || errno == EACCES || type == DT_UNKNOWN) return std::nullopt;
      return DirectoryEntry{std::move(name), type == DT_DIR, 0, 0};
    }
    isLink = S_ISLNK(status.st_mode);
  }
  if (isLink && !examineLink(request, directory, name, status)) return std::nullopt;
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) return std::nullopt;
  const bool isDirectory = S_ISDIR(status.st_mode);
  const std::int64_t modifiedNs = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return DirectoryEntry{std::move(name), isDirectory, isDirectory ? 0 : static_cast<std::uint64_t>(status.st_size),
                        modifiedNs};
}

// A cursor is the listing's number and the last name that was looked at.
struct Cursor {
  std::uint64_t listing = 0;
  std::string after;

  explicit Cursor(const std::string& text) {
    if (text.size() <= sizeof listing) return;
    std::memcpy(&listing, text.data(), sizeof listing);
    after = text.substr(sizeof listing);
  }
  static std::string write(std::uint64_t listing, std::string_view after) {
    std::string text(reinterpret_cast<const char*>(&listing), sizeof listing);
    return text.append(after);
  }
};

FolderPage listDirectory(const Request& request) {
  Resolved resolved = locate(request);
  request.authorise(resolved.finalPath);
  if (!S_ISDIR(resolved.status.st_mode)) throw FileError(request.path + ": is not a directory");
  const Cursor cursor(request.page.cursor);
  auto found = request.listings->find(resolved.status, cursor.listing, resolved.finalPlace.exported->settle);
  const bool isNew = found.names == nullptr;
  if (isNew) found.names = std::make_shared<const FolderNames>(resolved.target, request.path);
  const FolderNames& names = *found.names;
  FolderPage page;
  std::size_t at = names.firstBehind(cursor.after);
  const std::size_t enough = at + mostLooks(request.page.limit);
  for (; at < names.size() && page.entries.size() < request.page.limit; ++at) {
    if (at >= enough && !page.entries.empty()) break;
    if (at % looksBetweenChecks == 0) checkWanted();
    if (auto entry = examine(request, resolved, names, at)) page.entries.push_back(std::move(*entry));
  }
  if (at == names.size()) return page;
  if (isNew) found.number = request.listings->keep(resolved.status, request.principal->id(), found.names);
  page.next = Cursor::write(found.number, names.name(at - 1));
  return page;
}

Grant openDirectory(const Request& request) {
  Resolved resolved = locate(request);
  Grant grant = request.authorise(resolved.finalPath);
  if (!S_ISDIR(resolved.status.st_mode)) throw FileError(request.path + ": is not a directory");
  return grant;
}

// Does `work` in the lane of what is asked for, and in another when it turns out that this one is not for it.
template <class T>
kj::Promise<T> inLane(std::shared_ptr<const Request> request, LaneUse use, T (*work)(const Request&),
                      int moves = MOST_MOVES) {
  auto course = request->lanes->choose(request->place, use);
  const WorkOwner owner{request->principal->id()};
  auto attempt = [request, course, work, moves]() -> kj::Maybe<T> {
    const auto hung = request->lanes->hung(request->place);
    if (hung && *hung != course.apart && moves > 0) return nullptr;
    OpeningLanes::Asking asking(*request->lanes, request->place);
    if (course.folder == OpeningLanes::Folder::unknown) {
      walkTo(*request, asking);
      asking.at(request->place.inside);
    }
    return work(*request);
  };
  return course.lane.run<kj::Maybe<T>>(owner, kj::mv(attempt))
      .then([request, use, work, moves](kj::Maybe<T> result) mutable -> kj::Promise<T> {
        KJ_IF_MAYBE (done, result) {
          return kj::mv(*done);
        }
        return inLane<T>(std::move(request), use, work, moves - 1);
      });
}

class OpenerImpl final : public Opener {
 public:
  OpenerImpl(ExportTable table, std::shared_ptr<const Authoriser> authoriser, const Lanes& lanes)
      : table_(std::make_shared<const ExportTable>(std::move(table))), authoriser_(std::move(authoriser)),
        lanes_(std::make_shared<OpeningLanes>(lanes)) {}

  kj::Promise<kj::Own<Opened>> open(kj::Own<const Principal> principal, std::string path, rpc::Access access) override {
    return inLane<kj::Own<Opened>>(kj::mv(principal), std::move(path), access, LaneUse::opening, openFile);
  }

  kj::Promise<FolderPage> list(kj::Own<const Principal> principal, std::string path, WantedPage wanted) override {
    if (isListOfExports(path)) {
      return inPromise([&]() -> kj::Promise<FolderPage> {
        authoriseExports(*principal, path);
        return listExports(wanted);
      });
    }
    return inLane<FolderPage>(kj::mv(principal), std::move(path), rpc::Access::LIST, LaneUse::listing, listDirectory,
                              std::move(wanted));
  }

  kj::Promise<Grant> openDirectory(kj::Own<const Principal> principal, std::string path) override {
    if (isListOfExports(path)) {
      return inPromise([&]() -> kj::Promise<Grant> { return authoriseExports(*principal, path); });
    }
    return inLane<Grant>(kj::mv(principal), std::move(path), rpc::Access::LIST, LaneUse::opening,
                         h5cap::openDirectory);
  }

  Places candidates(const std::string& from, const std::string& name) const override {
    return table_->candidates(from, name, Search::beside);
  }

  Places rawCandidates(const std::string& from, const std::string& name) const override {
    return table_->candidates(from, name, Search::exact);
  }

 private:
  // The path is authorised as it was asked for before anybody looks what there is, or whether it is well formed.
  template <class T>
  kj::Promise<T> inLane(kj::Own<const Principal> principal, std::string path, rpc::Access access, LaneUse use,
                        T (*work)(const Request&), WantedPage page = {}) {
    return inPromise([&]() -> kj::Promise<T> {
      Request request{table_,         authoriser_, lanes_, kj::mv(principal), std::move(path), access, {},
                      listings_, std::move(page)};
      request.authorise(std::nullopt);
      request.place = table_->locate(request.path);
      return h5cap::inLane<T>(std::make_shared<const Request>(kj::mv(request)), use, work);
    });
  }

  bool isListOfExports(const std::string& path) const { return isRoot(path) && !table_->wholeFilesystem(); }

  Grant authoriseExports(const Principal& principal, const std::string& path) const {
    const std::optional<std::string> nowhere;
    return authoriser_->authorise({principal, path, nowhere, rpc::Access::LIST});
  }

  // Not examined: one of them may hang.
  FolderPage listExports(const WantedPage& wanted) const {
    std::set<std::string> names;
    for (const Export& one : table_->exports()) names.insert(one.name);
    FolderPage page;
    auto name = wanted.cursor.empty() ? names.begin() : names.upper_bound(wanted.cursor);
    for (; name != names.end() && page.entries.size() < wanted.limit; ++name)
      page.entries.push_back({*name, true, 0, 0});
    if (name != names.end()) page.next = page.entries.back().name;
    return page;
  }

  const std::shared_ptr<const ExportTable> table_;
  const std::shared_ptr<const Authoriser> authoriser_;
  const std::shared_ptr<ListingsUnderWay> listings_ = std::make_shared<ListingsUnderWay>();
  const std::shared_ptr<OpeningLanes> lanes_;
};

}  // namespace

kj::Own<Opener> makeOpener(std::vector<Export> exports, std::shared_ptr<const Authoriser> authoriser,
                             const Lanes& lanes) {
  return kj::heap<OpenerImpl>(ExportTable(std::move(exports)), std::move(authoriser), lanes);
}

}  // namespace h5cap
