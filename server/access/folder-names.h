// The names in a folder, in order: read once, and kept for the further pages of the listing.
//
// A listing in pages goes on behind the last name of the page before, in the names as they were read for that: what is
// added or removed meanwhile may or may not be in it, and nothing comes twice.  They are read again where they were not
// kept, and in a folder that changes every now and then, a small part of the time.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/guarded-value.h"
#include "server/base/principal.h"

namespace h5cap {

inline constexpr std::uint64_t keptNameBytes = 64 << 20;  // of all listings under way

// A value: safe from all threads.
class FolderNames {
 public:
  // All but "." and "..".  Blocking; one system call for some hundreds of names.  Throws as raiseErrno does.
  FolderNames(int folder, const std::string& shown);

  std::size_t size() const { return begins_.size(); }
  std::string_view name(std::size_t i) const { return std::string_view(&text_[begins_[i] + 1]); }

  // What the folder says that it is: DT_REG and so on, DT_UNKNOWN.  It may have become something else since.
  unsigned char type(std::size_t i) const { return static_cast<unsigned char>(text_[begins_[i]]); }

  // The first name behind `after`; size() when there is none.
  std::size_t firstBehind(std::string_view after) const;

  using Clock = std::chrono::system_clock;
  Clock::time_point readAt() const { return readAt_; }        // from then on
  Clock::duration readTook() const { return readTook_; }

  std::uint64_t bytes() const { return text_.capacity() + begins_.capacity() * sizeof begins_[0]; }

 private:
  std::string text_;  // of each its type, the name, and a zero
  std::vector<std::uint64_t> begins_;
  Clock::time_point readAt_ = Clock::now();
  Clock::duration readTook_{};
};

// Safe from all threads.
class ListingsUnderWay {
 public:
  struct Found {
    std::shared_ptr<const FolderNames> names;  // null: they have to be read
    std::uint64_t number = 0;                  // names the listing in cursors
  };

  // What a page of this folder goes on in: the listing `number`, unless the folder has changed and it is time to read
  // it again.  Zero, a first page: the last one that was kept, if the folder cannot have changed since.
  Found find(const struct stat& folder, std::uint64_t number, std::chrono::nanoseconds settle);

  // Names that were read after the folder had this status.  What whoever holds most has not used for longest makes
  // room; what is larger than everything together is not kept, and has a number all the same.
  std::uint64_t keep(const struct stat& folder, PrincipalId owner, std::shared_ptr<const FolderNames> names);

  std::uint64_t bytes() { return kept_.lock()->bytes; }

 private:
  struct Listing {
    std::uint64_t number;
    dev_t device;
    ino_t inode;
    timespec changed;
    PrincipalId owner;
    std::shared_ptr<const FolderNames> names;
  };
  struct Kept {
    std::list<Listing> listings;  // last used first
    std::uint64_t bytes = 0;
    std::uint64_t lastNumber = 0;

    void makeRoom(std::uint64_t needed);
  };
  GuardedValue<Kept> kept_;
};

}  // namespace h5cap
