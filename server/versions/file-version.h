// One version of one file: the planner that reads it, and what is known about it, shared by all sessions.
#pragma once

#include <kj/refcount.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/chunk-grid.h"
#include "core/plan/mapping-index.h"
#include "core/storage.h"
#include "h5cap/node.h"
#include "server/base/shared-file.h"
#include "server/planner-pool/planner.h"
#include "server/versions/chunk-index.h"
#include "server/versions/knowledge.h"

namespace h5cap {

// Where the walk along a path ended.
struct ExternalStep {
  std::string file, path, rest;
  unsigned linksLeft = 0;
};
struct MissingStep {
  std::string component;
};
using NodePointer = std::shared_ptr<const NodeInfo>;

// HDF5's own limit on soft and external links along one path (H5L_NUM_LINKS).
inline constexpr unsigned maxLinksInPath = 16;

// What an element of a reference type names.
struct Referenced {
  NodePointer target;
  std::string path;  // one that leads there; empty when none does
  Hyperslab stored;  // what a region reference selects
};

using Resolution = std::variant<NodePointer, Link, ExternalStep, MissingStep>;

enum class FollowLast { no, yes };  // the last component of a path, when it is a link

// The promises below keep the version alive.  Errors are those of Planner::ask.
class FileVersion : public kj::Refcounted {
 public:
  // `name` tells it from all other versions of all files; one whose stamp is not settled has one that no other gets, so
  // that nothing of it is ever found again.
  FileVersion(kj::Own<const SharedFile> file, const Stamp& stamp, std::string name, kj::Own<Planner> planner,
              const SharedCache& memory);

  // The next version of a file with a live SWMR writer, read by the planner of `before`: it has to be asked to refresh
  // first.
  FileVersion(kj::Own<const SharedFile> file, const Stamp& stamp, std::string name, FileVersion& before);

  kj::Own<FileVersion> addRef() { return kj::addRef(*this); }

  const Stamp& stamp() const { return stamp_; }
  const FileState& state() const { return stamp_.state; }
  const Version& version() const { return version_; }
  const std::string& name() const { return knowledge_.version(); }
  int file() const { return file_->get(); }
  const Lane& lane() const { return file_->lane(); }
  bool answersAtOnce() const { return file_->answersAtOnce(); }
  kj::Own<const SharedFile> sharedFile() const { return kj::atomicAddRef(*file_); }

  // Whether what is read of it may be kept, by whoever reads it: any later read of the same version finds the same.
  bool isSettled() const { return stamp_.stability == Stability::settled; }

  // Whether it is known to have a SWMR writer, which the next version may follow: false before info().
  bool isFollowed() const { return isSwmr_ && !isLeft_; }

  // Whether a file in this state needs no further version: nothing of it may have changed, or nothing that a SWMR
  // writer does without showing it.
  bool isStillTrueOf(const Stamp& stamp) const;

  // Whether a read that asks for the version `wanted` may have this one: while a SWMR file grows, what was there stays.
  bool satisfies(const Version& wanted) const;

  // Lets the next version have a planner of its own: what this one knows of a SWMR file has led nowhere.
  void leave() { isLeft_ = true; }

  // Whether the next version may share the planner.
  kj::Promise<bool> refresh();

  // Whether it has a live SWMR writer; nothing before info() has told.
  std::optional<bool> isSwmr() const { return isKnown_ ? std::optional(isSwmr_) : std::nullopt; }

  // What the planner says of the file as a whole, with size and version; `path` is left empty.
  kj::Promise<std::shared_ptr<const FileInfo>> info();

  // The object at a path from the root, or from what `token` names when the path has no leading slash.  Failed when it
  // takes more than `maxLinks` soft and external links.
  kj::Promise<std::shared_ptr<const Resolution>> resolve(const std::string& path, FollowLast followLast,
                                                         unsigned maxLinks = maxLinksInPath,
                                                         std::shared_ptr<const Bytes> token = nullptr);

  // What an element of a reference type names.  NotFound.
  kj::Promise<std::shared_ptr<const Referenced>> dereference(const Bytes& token);

  kj::Promise<std::shared_ptr<const Storage>> storage(ObjectId dataset);

  // Finds mappings of a virtual dataset; numbers are places in `storage`.
  kj::Promise<std::shared_ptr<const MappingIndex>> mappings(ObjectId dataset);

  // Extents of the chunks in `box`, in C order; `grid` is the number of chunks along each axis.
  kj::Promise<std::shared_ptr<const Extents>> extents(ObjectId dataset, const Shape& grid, const ChunkBox& box);

  // The same of single chunks, by their numbers in C order of `grid`.
  kj::Promise<std::shared_ptr<const Extents>> extentsOf(ObjectId dataset, const Shape& grid,
                                                        std::vector<std::uint64_t> chunks);

  // Any other question; not remembered.
  kj::Promise<kj::Own<PlannerAnswer>> ask(kj::Function<void(rpc::PlannerRequest::Builder)> question);

 private:
  struct PathQuestion;

  kj::Promise<std::shared_ptr<const Resolution>> resolveFrom(PathQuestion question);
  std::shared_ptr<const Resolution> knownEnd(const std::string& path) const;
  std::shared_ptr<const Resolution> keepEnd(const std::string& path, Resolution end);
  NodePointer keepNode(NodeInfo node);

  kj::Own<const SharedFile> file_;
  const Stamp stamp_;
  const Version version_;
  kj::Own<Planner> planner_;
  bool isSwmr_ = false;
  bool isKnown_ = false;  // by info()
  bool isLeft_ = false;
  Knowledge knowledge_;
  ChunkIndex chunks_;
};

}  // namespace h5cap
