#include "server/objects/file-versions.h"

namespace h5cap {
namespace {

std::string versionKey(const Stamp& stamp) {
  const Version version = stamp.version();
  return {reinterpret_cast<const char*>(version.data()), version.size()};
}

}  // namespace

kj::Own<FileVersion> FileVersions::get(kj::Own<SharedFile> file, const Stamp& stamp) {
  for (auto at = warm_.begin(); at != warm_.end();) {
    const Stamp& known = (*at)->stamp();
    if (known == stamp) {
      warm_.splice(warm_.begin(), warm_, at);
      return kj::addRef(*warm_.front());
    }
    // An older version of the file will not come back.
    if (known.device == stamp.device && known.inode == stamp.inode)
      at = warm_.erase(at);
    else
      ++at;
  }
  auto planner = planners_.planner(file->get(), versionKey(stamp));
  warm_.push_front(kj::refcounted<FileVersion>(kj::mv(file), stamp, kj::mv(planner)));
  if (warm_.size() > maxWarm) warm_.pop_back();
  return kj::addRef(*warm_.front());
}

}  // namespace h5cap
