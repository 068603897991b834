// One version of one file: the planner that reads it, and what is known about it, shared by all sessions.
#pragma once

#include <kj/io.h>
#include <kj/refcount.h>

#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "core/chunk-grid.h"
#include "core/projection.h"
#include "core/storage.h"
#include "h5cap/node.h"
#include "server/access/opener.h"
#include "server/versions/bounded-cache.h"
#include "server/versions/chunk-index.h"
#include "server/planner-pool/planner-pool.h"

namespace h5cap {

// A descriptor that the versions of a file share.
class SharedFile : public kj::Refcounted {
 public:
  explicit SharedFile(kj::AutoCloseFd file) : file_(kj::mv(file)) {}
  int get() const { return file_.get(); }

 private:
  kj::AutoCloseFd file_;
};

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

// Clocks of file systems tick in milliseconds: a stamp this young may cover further changes.
enum class Settled { no, yes };

// The promises below keep the version alive.  Errors are those of Planner::ask.
class FileVersion : public kj::Refcounted {
 public:
  FileVersion(kj::Own<SharedFile> file, Stamp stamp, kj::Own<Planner> planner);

  // The next version of a file with a live SWMR writer, read by the planner of `before`: it has to be asked to refresh first.
  // Versions may share a stamp that is `unsettled`; what is remembered is never mixed.
  FileVersion(kj::Own<SharedFile> file, Stamp stamp, Settled settled, FileVersion& before);

  const Stamp& stamp() const { return stamp_; }
  const Version& version() const { return version_; }
  const std::string& versionText() const { return versionText_; }  // the same bytes, and more that tells versions with one stamp apart
  int file() const { return file_->get(); }

  // Whether the stamp tells this version from all later ones.
  Settled settled() const { return settled_; }

  // Whether it is known to have a SWMR writer, which the next version may follow: false before info().
  bool isFollowed() const { return isSwmr_; }

  // Whether a read that asks for the version `wanted` may have this one: while a SWMR file grows, what was there stays.
  bool satisfies(const Version& wanted) const;

  // Lets the next version have a planner of its own: what this one knows of a SWMR file has led nowhere.
  void leave() { isSwmr_ = false; }

  // Whether the next version may share the planner.
  kj::Promise<bool> refresh();
  kj::Own<SharedFile> sharedFile() { return kj::addRef(*file_); }

  // What the planner says of the file as a whole, with size and version; `path` is left empty.
  kj::Promise<std::shared_ptr<const FileInfo>> info();

  // The object at a path from the root, or from what `token` names when the path has no leading slash.  Failed when it takes
  // more than `maxLinks` soft and external links.
  kj::Promise<std::shared_ptr<const Resolution>> resolve(const std::string& path, bool followLast,
                                                         unsigned maxLinks = maxLinksInPath,
                                                         std::shared_ptr<const Bytes> token = nullptr);

  // What an element of a reference type names.  NotFound.
  kj::Promise<std::shared_ptr<const Referenced>> dereference(const Bytes& token);

  kj::Promise<std::shared_ptr<const Storage>> storage(ObjectId dataset);

  // Finds mappings of a virtual dataset; numbers are places in `storage`.
  kj::Promise<std::shared_ptr<const MappingIndex>> mappings(ObjectId dataset);

  // Extents of the chunks in `box`, in C order; `grid` is the number of chunks along each axis.
  kj::Promise<std::shared_ptr<const std::vector<ChunkExtent>>> extents(ObjectId dataset, const Shape& grid,
                                                                       const ChunkBox& box);

  // The same of single chunks, by their numbers in C order of `grid`.
  kj::Promise<std::shared_ptr<const std::vector<ChunkExtent>>> extentsOf(ObjectId dataset, const Shape& grid,
                                                                         std::vector<std::uint64_t> chunks);

  // Any other question; not remembered.
  kj::Promise<kj::Own<PlannerAnswer>> ask(kj::Function<void(rpc::PlannerRequest::Builder)> question);

 private:
  kj::Promise<std::shared_ptr<const Resolution>> resolveFrom(ObjectId base, const std::string& path, bool followLast,
                                                             unsigned maxLinks);

  kj::Own<SharedFile> file_;
  Stamp stamp_;
  Version version_;
  std::string versionText_;
  kj::Own<Planner> planner_;
  Settled settled_ = Settled::yes;
  bool isSwmr_ = false;
  std::uint64_t generation_ = 0;  // of versions that share a planner
  BoundedCache<int, FileInfo> info_;
  BoundedCache<std::tuple<std::string, bool, unsigned, ObjectId>, Resolution> paths_;
  BoundedCache<Bytes, Referenced> references_;
  BoundedCache<ObjectId, Storage> storage_;
  BoundedCache<ObjectId, MappingIndex> mappings_;
  ChunkIndex chunks_;
};

}  // namespace h5cap
