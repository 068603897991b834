// Files and the groups in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "h5cap/attributes.h"
#include "h5cap/dataset.h"
#include "h5cap/node.h"
#include "h5cap/report.h"

namespace h5cap {

namespace detail {
class NodeState;
class FileState;
}  // namespace detail

// What groups, datasets and named types have in common.
class Node {
 public:
  // The path that it was asked for, absolute in its file.
  const std::string& path() const;

  // What it is, never null; the description does not change when `Dataset::refresh` brings another, and goes when
  // nobody holds it any more.  No round trip when it came with a snapshot or was asked before; otherwise at most one.
  std::shared_ptr<const NodeInfo> info() const;

  // The same where nothing has to be sent for it, and null where it has; waits for nothing but the file itself.
  std::shared_ptr<const NodeInfo> known() const;

  // The file that it is in: another one than it was asked of, behind an external link.  As `info`.
  std::shared_ptr<const FileInfo> fileInfo() const;

  Attributes attributes() const;

  explicit Node(std::shared_ptr<detail::NodeState> state) : state_(std::move(state)) {}
  const std::shared_ptr<detail::NodeState>& state() const { return state_; }

 private:
  std::shared_ptr<detail::NodeState> state_;
};

class Group : public Node {
 public:
  using Node::Node;

  // Links of the group, in name order, not followed.  None within a snapshot, otherwise one round trip a thousand.
  std::vector<Link> links() const;

  // The link at `path`, not followed; nothing when there is none.  None within a snapshot, otherwise one round trip.
  std::optional<Link> link(const std::string& path) const;

  // Objects by path, relative to this group or, with a leading slash, to the file.  Nothing is awaited.  What does not
  // exist throws NotFound, and what is of another kind BadType, from the first call that waits.
  Node node(const std::string& path) const;
  Group group(const std::string& path) const;
  Dataset dataset(const std::string& path) const;
};

// What an element of a reference type names.
struct Referenced {
  Node node;
  Hyperslab stored;  // what a region reference selects of its dataset; `all` for an object reference
};

// What `File::readBytes` read.
struct RawBytes {
  std::uint64_t count = 0;  // fewer than were asked for at the end of the file
  Version version;          // of the file that the bytes are from
};

class File : public Group {
 public:
  explicit File(std::shared_ptr<detail::FileState> state);

  // Waits until the file is open: one round trip, unless that is done already.  NotFound, Denied, FileError.
  const FileInfo& wait() const;

  // What the server says of the file now.  One round trip.
  FileInfo stat() const;

  // Whether the path that it was opened by still leads to it: a file that was replaced goes on being read as it was.
  // One round trip.  Denied; Unimplemented by an older server.
  PathNow pathNow() const;

  // What a packed element of a reference type, read from this file, names; the node's path is one that leads there, or
  // empty when none does.  One round trip.  NotFound for a null reference and for one to nothing.
  Referenced dereference(const Bytes& token) const;

  // Bytes of the file as they are stored, from `offset` on: `count` of them, or as many as there are.  Needs the right
  // to the whole file.  All are of one version, except in a file with a live SWMR writer: of `ifVersion`, or else of
  // whichever is current; when the file changes meanwhile it is read again, a few times, and then: FileError (changed).
  // One round trip up to `ConnectOptions::windowBytes`, in parts of `tileBytes`.
  RawBytes readBytes(std::uint64_t offset, std::byte* target, std::uint64_t count,
                     const Version& ifVersion = {}) const;

  // The address of this file.
  const std::string& url() const;

 private:
  Referenced dereferenceOnce(const Bytes& token) const;

  std::shared_ptr<detail::FileState> file_;
};

}  // namespace h5cap
