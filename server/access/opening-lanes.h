// Where paths are followed, so that a file system that hangs stops the paths that lead into it, and no others.
//
// Which file system a path leads to is known once it was asked.  What is asked of a folder that is known goes in the
// lane of its device.  What is asked of another folder goes in the export's lane for unknown ones, where it is walked
// to first, folder by folder: so whatever hangs there is a prefix that can be named, and further paths below it are
// kept apart.  A lane that opens gives threads up that do not come back, so it is not stopped by the first that hang.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/access/export-paths.h"
#include "server/base/guarded-value.h"
#include "server/base/lane.h"

namespace h5cap {

// Safe from all threads.
class OpeningLanes {
 public:
  enum class Folder { known, unknown };

  // What is asked of a place, in the lane it got.
  struct Course {
    Lane lane;
    Folder folder;      // unknown: to be walked to
    std::string apart;  // the prefix that hung when the lane was chosen
  };

  // Something that is being asked, until it is destroyed.
  class Asking {
   public:
    Asking(OpeningLanes& lanes, const ExportPath& place);
    ~Asking();
    KJ_DISALLOW_COPY(Asking);

    // It is about to ask for this prefix of the place, no longer for the one before.
    void at(const std::string& inside);

   private:
    friend class OpeningLanes;
    struct Place;
    OpeningLanes& lanes_;
    std::shared_ptr<Place> place_;
  };

  explicit OpeningLanes(const Lanes& lanes) : lanes_(lanes) {}
  KJ_DISALLOW_COPY(OpeningLanes);

  Course choose(const ExportPath& place, LaneUse use) const;

  // The prefix of a place that somebody has been asking for, for so long that it counts as hung; the shortest.  A
  // folder is one when several paths in it are.
  std::optional<std::string> hung(const ExportPath& place) const;

  // Where to read what was found.
  Lane laneOf(const Export& exported, std::uint64_t device) const;

  // Of a folder, or of a place that was asked for and is elsewhere than its folder; nothing when nobody has asked.
  std::optional<std::uint64_t> deviceOf(const ExportPath& place) const;
  void learnFolder(const ExportPath& folder, std::uint64_t device);

  // On which device what was asked for is.
  void learn(const ExportPath& place, std::uint64_t device);

 private:
  struct Known {
    // By place: of folders, and of files that lie elsewhere, as links do that lead there.
    std::map<std::string, std::uint64_t> devices;
    std::size_t bytes = 0;  // of the places
    std::list<std::shared_ptr<Asking::Place>> asking;

    std::optional<std::uint64_t> deviceOf(const ExportPath& place) const;
    void set(const ExportPath& place, std::uint64_t device);
  };

  const Lanes& lanes_;
  mutable GuardedValue<Known> known_;
};

// "." for what lies in the export's folder, and for that.
std::string folderOf(const std::string& inside);

}  // namespace h5cap
