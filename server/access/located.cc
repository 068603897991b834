#include "server/access/located.h"

#include <errno.h>
#include <fcntl.h>

#include <deque>

#include "h5cap/error.h"
#include "server/access/beneath.h"

namespace h5cap {

namespace {

constexpr int MAX_LINKS = 40;  // the kernel's own limit

kj::AutoCloseFd openFolder(const Export& exported, const std::string& shown) {
  auto folder = folderWithoutLinks(exported.folder);
  KJ_IF_MAYBE (found, folder) {
    return kj::mv(*found);
  }
  if (errno == ELOOP) throw Denied(shown + ": the exported folder has become a symbolic link, which is not followed");
  throw FileError(shown + ": the exported folder is not available");
}

// Follows links one by one, where the kernel would have to leave the export's folder: what it would look up there is
// mapped back into an export as text, and nothing outside of the exports is ever touched.
class LinkWalk {
 public:
  LinkWalk(const ExportTable& table, const ExportPath& place, const std::string& shown) : table_(table), shown_(shown) {
    enter(place);
    linked_ = 0;
  }

  Located run() {
    while (!left_.empty()) {
      std::string component = std::move(left_.front());
      left_.pop_front();
      if (linked_ > 0) --linked_;
      step(component);
    }
    auto target = resolveWithoutLinks(folder_, join(done_), shown_);
    // Whoever puts a link here now wants it followed without being asked.
    if (linkTarget(target, shown_)) raiseErrno(ELOOP, shown_);
    return Located{exported_, kj::mv(folder_), kj::mv(target)};
  }

 private:
  void step(const std::string& component) {
    if (component == "..") {
      if (done_.empty()) return leave({".."});
      done_.pop_back();
      return;
    }
    done_.push_back(component);
    auto at = resolveWithoutLinks(folder_, join(done_), shown_);
    auto target = linkTarget(at, shown_);
    if (!target) return;
    done_.pop_back();
    if (++links_ > MAX_LINKS) raiseErrno(ELOOP, shown_);
    auto parts = components(*target);
    left_.insert(left_.begin(), parts.begin(), parts.end());
    linked_ += parts.size();
    if (!target->empty() && target->front() == '/') moveTo({});
  }

  // Above the export's folder, which is a path without links.
  void leave(const std::vector<std::string>& upwards) {
    auto host = components(exported_->folder);
    host.insert(host.end(), upwards.begin(), upwards.end());
    moveTo(std::move(host));
  }

  // Goes on at `host` and what is left of the links that led there: all of that has to be in one export.
  void moveTo(std::vector<std::string> host) {
    host.insert(host.end(), left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(linked_));
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(linked_));
    linked_ = 0;
    auto place = table_.holding(host, *exported_);
    if (!place) raiseErrno(EXDEV, shown_);
    enter(*place);
  }

  void enter(const ExportPath& place) {
    if (exported_ != place.exported) folder_ = openFolder(*place.exported, shown_);
    exported_ = place.exported;
    done_.clear();
    auto parts = components(place.inside);
    left_.insert(left_.begin(), parts.begin(), parts.end());
    linked_ += parts.size();
  }

  const ExportTable& table_;
  const std::string& shown_;
  const Export* exported_ = nullptr;
  kj::AutoCloseFd folder_;
  std::vector<std::string> done_;  // beneath the folder, without links
  std::deque<std::string> left_;
  std::size_t linked_ = 0;  // how many of those come from links, not from the path that was asked for
  int links_ = 0;
};

}  // namespace

Located locate(const ExportTable& table, const ExportPath& place, const std::string& shown) {
  auto folder = openFolder(*place.exported, shown);
  const Beyond beyond = table.wholeFilesystem() ? Beyond::allowed : Beyond::denied;
  auto found = resolveBeneath(folder, place.inside, beyond, shown);
  KJ_IF_MAYBE (target, found) {
    return Located{place.exported, kj::mv(folder), kj::mv(*target)};
  }
  return LinkWalk(table, place, shown).run();
}

}  // namespace h5cap
