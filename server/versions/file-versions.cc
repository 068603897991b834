#include "server/versions/file-versions.h"

#include <algorithm>

namespace h5cap {
namespace {

std::string versionKey(const Stamp& stamp) {
  const Version version = stamp.version();
  return {reinterpret_cast<const char*>(version.data()), version.size()};
}

bool isSameFile(const Stamp& a, const Stamp& b) { return a.device == b.device && a.inode == b.inode; }

}  // namespace

kj::Own<FileVersion> FileVersions::get(kj::Own<SharedFile> file, const Stamp& stamp) {
  for (auto at = warm_.begin(); at != warm_.end(); ++at) {
    if ((*at)->stamp() != stamp || (*at)->settled() == Settled::no) continue;
    warm_.splice(warm_.begin(), warm_, at);
    return kj::addRef(*warm_.front());
  }
  auto planner = planners_.planner(file->get(), versionKey(stamp));
  return add(kj::refcounted<FileVersion>(kj::mv(file), stamp, kj::mv(planner)));
}

// In place of older versions of the file, which will not come back.
kj::Own<FileVersion> FileVersions::add(kj::Own<FileVersion> version) {
  warm_.remove_if([&](const kj::Own<FileVersion>& known) { return isSameFile(known->stamp(), version->stamp()); });
  warm_.push_front(kj::mv(version));
  if (warm_.size() > maxWarm) warm_.pop_back();
  return kj::addRef(*warm_.front());
}

kj::Promise<kj::Maybe<kj::Own<FileVersion>>> FileVersions::follow(SharedFile& file, Stamp stamp, Settled settled) {
  using MaybeVersion = kj::Maybe<kj::Own<FileVersion>>;
  auto known = std::find_if(warm_.begin(), warm_.end(), [&](auto& one) { return isSameFile(one->stamp(), stamp); });
  // A file that shrank was written anew.
  if (known == warm_.end() || !(*known)->isFollowed() || stamp.size < (*known)->stamp().size) return MaybeVersion(nullptr);
  if ((*known)->stamp() == stamp && (*known)->settled() == Settled::yes) return MaybeVersion(kj::addRef(**known));
  auto next = kj::refcounted<FileVersion>(kj::addRef(file), stamp, settled, **known);
  auto refreshed = next->refresh();
  return refreshed.then([this, next = kj::mv(next)](bool isLive) mutable -> MaybeVersion {
    if (!isLive) return nullptr;
    return add(kj::mv(next));
  }, [](kj::Exception&&) -> MaybeVersion { return nullptr; });
}

}  // namespace h5cap
