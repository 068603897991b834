#include "server/access/folder-names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "server/access/beneath.h"
#include "server/base/work.h"

namespace h5cap {
namespace {

constexpr std::size_t namesBetweenLooks = 4096;  // at whether anybody waits

std::uint64_t footprint(const FolderNames& names) { return names.bytes() + 256; }

bool isSame(timespec a, timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

// Whether a folder that changes may be read again: that takes a twentieth of the time, and comes once a second at most.
bool isDue(const FolderNames& names) {
  const auto age = FolderNames::Clock::now() - names.readAt();
  return age > std::max<FolderNames::Clock::duration>(20 * names.readTook(), std::chrono::seconds(1)) ||
         age < FolderNames::Clock::duration::zero();
}

std::chrono::nanoseconds sinceEpoch(timespec time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

FolderNames::FolderNames(int folder, const std::string& shown) {
  auto descriptor = reopen(folder, O_RDONLY | O_DIRECTORY, shown);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(descriptor), closedir);
  if (stream == nullptr) raiseErrno(errno, shown);
  descriptor.release();
  for (;;) {
    errno = 0;
    const dirent* item = readdir(stream.get());
    if (item == nullptr) break;
    const std::string_view name(item->d_name);
    if (name == "." || name == "..") continue;
    begins_.push_back(text_.size());
    text_.push_back(static_cast<char>(item->d_type));
    text_.append(name).push_back('\0');
    if (begins_.size() % namesBetweenLooks == 0) checkWanted();
  }
  if (errno != 0) raiseErrno(errno, shown);
  text_.shrink_to_fit();
  begins_.shrink_to_fit();
  std::sort(begins_.begin(), begins_.end(),
            [this](auto a, auto b) { return std::strcmp(&text_[a + 1], &text_[b + 1]) < 0; });
  readTook_ = Clock::now() - readAt_;
}

std::size_t FolderNames::firstBehind(std::string_view after) const {
  if (after.empty()) return 0;
  auto found = std::upper_bound(begins_.begin(), begins_.end(), after, [this](std::string_view value, auto begin) {
    return value < std::string_view(&text_[begin + 1]);
  });
  return static_cast<std::size_t>(found - begins_.begin());
}

ListingsUnderWay::Found ListingsUnderWay::find(const struct stat& folder, std::uint64_t number,
                                               std::chrono::nanoseconds settle) {
  auto kept = kept_.lock();
  for (auto one = kept->listings.begin(); one != kept->listings.end(); ++one) {
    if (one->device != folder.st_dev || one->inode != folder.st_ino) continue;
    const FolderNames& names = *one->names;
    const bool isUnchanged = isSame(one->changed, folder.st_ctim);
    if (number == 0) {
      if (!isUnchanged || names.readAt().time_since_epoch() - sinceEpoch(one->changed) <= settle) continue;
    } else {
      if (one->number != number) continue;
      if (!isUnchanged && isDue(names)) return {};
    }
    kept->listings.splice(kept->listings.begin(), kept->listings, one);
    return {one->names, one->number};
  }
  return {};
}

std::uint64_t ListingsUnderWay::keep(const struct stat& folder, PrincipalId owner,
                                     std::shared_ptr<const FolderNames> names) {
  auto kept = kept_.lock();
  const std::uint64_t number = ++kept->lastNumber, needed = footprint(*names);
  if (needed > keptNameBytes) return number;
  kept->makeRoom(needed);
  kept->bytes += needed;
  kept->listings.push_front({number, folder.st_dev, folder.st_ino, folder.st_ctim, owner, std::move(names)});
  return number;
}

void ListingsUnderWay::Kept::makeRoom(std::uint64_t needed) {
  while (bytes + needed > keptNameBytes) {
    std::map<PrincipalId, std::uint64_t> held;
    for (const Listing& one : listings) held[one.owner] += footprint(*one.names);
    const auto most = std::max_element(held.begin(), held.end(), [](auto& a, auto& b) { return a.second < b.second; });
    auto last = std::find_if(listings.rbegin(), listings.rend(),
                             [&](const Listing& one) { return one.owner == most->first; });
    bytes -= footprint(*last->names);
    listings.erase(std::next(last).base());
  }
}

}  // namespace h5cap
