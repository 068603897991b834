// The plan of one reply made: asks planners and opens sources where the pure functions of core/plan need to know more.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/checked-size.h"
#include "core/plan/read-plan.h"
#include "server/files/source-finder.h"
#include "server/reading/read-request.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {

// A file that a reply is made of, in the one version that all of the reply is read from.
struct PinnedFile {
  kj::Own<OpenFile> file;
  kj::Own<FileVersion> version;  // whose info() is known

  // Whether a live SWMR writer may go on while it is read.
  bool isFollowed() const { return version->isSwmr() == true; }
};

// What a plan is for: elements that are made, or one element of which some bytes are read where they are.
enum class Grain { elements, bytes };

class Planning {
 public:
  Planning(WorkOwner owner, AbsentSources absentSources, Grain grain)
      : owner_(owner), absentSources_(absentSources), grain_(grain) {}
  KJ_DISALLOW_COPY(Planning);

  // The dataset that is read.
  struct Subject {
    NodePlace place;
    kj::Own<FileVersion> version;  // whose info() is known
    NodePointer node;
    Shape shape;                            // that it is read with
    const VirtualExtent* extent = nullptr;  // as it was measured; null for one that does not grow.  Outlives the plan
  };

  // Makes the plan.  Sources are opened and authorised for the session of the file; an absent one leaves fill and is
  // listed, or raises missingSource; one that is denied or fails raises.  The same file is of one version throughout:
  // `changed` when it was met in two.  FileError (tooLarge) when a reply with fewer elements may be possible.  This
  // outlives the promise.
  kj::Promise<std::shared_ptr<const ArrayPlan>> run(Subject subject, Wanted wanted);

  // Takes what run() made.
  void finish(std::shared_ptr<const ArrayPlan> array);

  const std::shared_ptr<ReadPlan>& plan() const { return plan_; }  // not to be changed once it is made
  std::vector<PinnedFile>& files() { return files_; }
  std::vector<NodePlace>& rawPlaces() { return rawPlaces_; }  // of ReadPlan::rawReads
  const std::vector<SeenSource>& seen() const { return seen_; }
  void see(const SeenSource& one) { seen_.push_back(one); }  // what was met on carrying it out

  // Whether the dataset itself was never written, whatever was wanted of it.
  bool isUnallocated() const { return isUnallocated_; }

  // Whether it failed because a file was met in two versions.
  bool isStale() const { return isStale_; }
  std::vector<std::string> missingSources() const;

 private:
  using ArrayPointer = std::shared_ptr<const ArrayPlan>;

  // One dataset of those that are met.
  struct Dataset {
    NodePlace place;
    std::size_t file = 0;  // in files_
    NodePointer node;
    Shape shape;  // how far its own mappings reach, if it is virtual
    const VirtualExtent* extent = nullptr;
    int depthLeft = 0;
    Dataset clone() { return {place.clone(), file, node, shape, extent, depthLeft}; }
  };
  class Sources;

  kj::Promise<ArrayPointer> planDataset(Dataset dataset, Wanted wanted);
  kj::Promise<ArrayPointer> planChunked(std::shared_ptr<const PlannedDataset> planned, Wanted wanted);
  kj::Promise<ArrayPointer> planCovered(Dataset dataset, std::shared_ptr<const PlannedDataset> planned, Wanted wanted);
  kj::Promise<ArrayPointer> planAsPicked(Dataset dataset, std::shared_ptr<const PlannedDataset> planned, Region region);
  bool isWorthMakingWhole(const Dataset& dataset, const PlannedDataset& planned, const Region& region);
  kj::Promise<ArrayPointer> planVirtual(Dataset dataset, std::shared_ptr<const PlannedDataset> planned, Region region);
  std::size_t pin(OpenFile& file, kj::Own<FileVersion> version);
  void see(OpenFile& from, const VirtualSource& mapping, IsThere isThere);
  void absent(const NodePlace& from, const std::string& name);
  void spend(std::uint64_t& budget, CheckedSize amount);
  void spendMemory(CheckedSize bytes);

  const WorkOwner owner_;
  const AbsentSources absentSources_;
  const Grain grain_;
  const std::shared_ptr<ReadPlan> plan_ = std::make_shared<ReadPlan>();
  std::vector<PinnedFile> files_;  // of ReadPlan::versions
  std::map<const ServedFile*, std::size_t> fileNumbers_;  // of all but the first
  std::vector<NodePlace> rawPlaces_;
  std::vector<SeenSource> seen_;
  std::vector<std::string> missing_;
  bool isUnallocated_ = false;
  bool isStale_ = false;
  std::map<std::string, kj::ForkedPromise<ArrayPointer>> made_;  // of virtual datasets, by dataset and region

  std::map<std::string, unsigned> asked_;  // how often for regions of one nested dataset

  // What is left of what one reply may cost, however virtual datasets are nested.
  std::uint64_t piecesLeft_ = 65'536;
  std::uint64_t arraysLeft_ = 4'096;
  std::uint64_t chunksLeft_ = 262'144;
  std::uint64_t bytesLeft_ = 16 << 20;  // of elements on their way, in arrays between source and reply
};

}  // namespace h5cap
