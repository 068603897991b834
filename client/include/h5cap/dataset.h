// Slicing and reading datasets.
//
// A view is a value, (dataset, region): slicing one makes another and sends nothing.  Only reading sends.
//
// A read is of one version of the file, however many replies, connections or sources it takes, except that all versions
// of a file with a live SWMR writer count as one.  When the file changes meanwhile the read begins again, a few times
// and within the connection's timeout, and then: FileError (changed).  `PackedElements::version` goes into another
// read's `ReadOptions::ifVersion` where both have to fit.
//
// Extents.  What a selection counts from the end or leaves open means the dataset as it is in the version that is read:
// a result tells its own shape, which may be another than `View::shape`, which is of what was known.  Reads into memory
// of the caller's mean the extents that are known, if any, and of a dataset that shrank bring what is left.
#pragma once

#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "h5cap/array.h"
#include "h5cap/attributes.h"
#include "h5cap/node.h"
#include "h5cap/options.h"
#include "h5cap/selection.h"

namespace h5cap {

class Node;

namespace detail {
class NodeState;
class BulkRead;
}  // namespace detail

// Tiles of a view, in order, with a bounded number under way: memory does not grow with the view.  Dropping it cancels
// what is under way, at the server too.  All tiles are of one version, which they carry: whoever has taken one gets
// FileError (changed) when the file changes.
class TileStream {
 public:
  // The next tile; nothing at the end.  Waits when it has not arrived.
  std::optional<StreamedTile> next();

  const DataType& type() const;

  explicit TileStream(std::unique_ptr<detail::BulkRead> read);
  TileStream(TileStream&&) noexcept;
  TileStream& operator=(TileStream&&) noexcept;
  ~TileStream();

 private:
  std::unique_ptr<detail::BulkRead> read_;
};

class View {
 public:
  // Besides axes, a selection may be single elements, and the result then has one axis:
  //
  //   view[h5cap::mask(flags)]                 the elements whose bit is set, in C order; as many bits as elements
  //   view[h5cap::points({{0, 5}, {3, 1}})]    the elements at these coordinates, in any order, repeated ones included
  //   view[{h5cap::mask(rows), h5cap::all}]    a mask along one axis, which stays in the result
  //
  // A mask costs a bit an element on the way, in boxes along chunk edges, of which those without a set bit are not
  // sent; a point 8 bytes an axis.  What fits one reply is one round trip, and one more when the dataset's shape is not
  // known yet; more than that goes side by side.  Throws BadSelection for masks of another size and points outside.
  //
  // What `inner` means within this view, with NumPy's meaning.  No round trip for a first slice; slicing a slice needs
  // the dataset's shape, and awaits it (at most one round trip) when no reply has brought it yet.  Throws BadSelection.
  View operator[](const Selection& inner) const;
  View operator[](std::initializer_list<Axis> inner) const { return (*this)[Selection(inner)]; }

  const Selection& selection() const { return selection_; }

  // Shape of the result; needs the dataset's shape, as above.
  Shape shape() const;

  // The elements.  One round trip when they fit one reply (1 MiB by default), also when the file and the dataset were
  // only just asked for; otherwise a stream of tiles in a window, and one round trip more at its end when it met
  // several sources of a virtual dataset.
  PackedElements readPacked(const ReadOptions& options = {}) const;

  // The elements, converted by HDF5's rules.  Throws BadType, before sending where the type is known.
  template <class T>
  Array<T> read(const ReadOptions& options = {}) const;

  // The same into memory of the caller's, which has room for `capacity` elements.  Throws BadSelection when they do not
  // fit.  Returns the shape.
  template <class T>
  Shape readInto(T* target, std::size_t capacity, const ReadOptions& options = {}) const {
    return readConverted(nativeType<T>(), target, capacity, options);
  }

  // Packed elements into memory of the caller's, with one copy between socket and target; for types without
  // variable-length data (BadType).  Needs `capacity` bytes.  Returns the shape.
  Shape readPackedInto(std::byte* target, std::size_t capacity, const ReadOptions& options = {}) const;

  // As `read`, on the connection's own thread: sends before it returns.
  template <class T>
  std::future<Array<T>> readAsync(const ReadOptions& options = {}) const;
  std::future<PackedElements> readPackedAsync(const ReadOptions& options = {}) const;

  // An arbitrarily large view, tile by tile.
  TileStream tiles(const ReadOptions& options = {}) const;

  View(std::shared_ptr<detail::NodeState> node, Selection selection);
  const std::shared_ptr<detail::NodeState>& node() const { return node_; }

 private:
  Shape readConverted(NativeType type, void* target, std::size_t capacity, const ReadOptions& options) const;

  std::shared_ptr<detail::NodeState> node_;
  Selection selection_;
};

class Dataset {
 public:
  const std::string& path() const;
  std::shared_ptr<const NodeInfo> nodeInfo() const;  // as Node::info
  std::shared_ptr<const FileInfo> fileInfo() const;  // as Node::fileInfo
  std::shared_ptr<const DatasetInfo> info() const;   // as Node::info; BadType when it is no dataset
  Attributes attributes() const;

  // The dataset's description as it is now: one round trip.
  DatasetInfo refresh() const;

  // Names of the sources of a virtual dataset that are absent: the server looks for all of them.  One round trip.
  std::vector<std::string> missingSources() const;

  View view() const;
  View operator[](const Selection& selection) const { return view()[selection]; }
  View operator[](std::initializer_list<Axis> selection) const { return view()[Selection(selection)]; }

  template <class T>
  Array<T> read(const ReadOptions& options = {}) const {
    return view().read<T>(options);
  }

  explicit Dataset(std::shared_ptr<detail::NodeState> state) : state_(std::move(state)) {}
  const std::shared_ptr<detail::NodeState>& state() const { return state_; }

 private:
  std::shared_ptr<detail::NodeState> state_;
};

namespace detail {

template <class T>
Array<T> converted(const PackedElements& packed) {
  Array<T> result(packed.shape);
  convert(packed.type, packed.elements.data(), result.size(), packed.heap, nativeType<T>(), result.data());
  return result;
}

}  // namespace detail

template <class T>
Array<T> View::read(const ReadOptions& options) const {
  return detail::converted<T>(readPacked(options));
}

template <class T>
std::future<Array<T>> View::readAsync(const ReadOptions& options) const {
  auto packed = readPackedAsync(options);
  return std::async(std::launch::deferred, [packed = std::move(packed)]() mutable {
    return detail::converted<T>(packed.get());
  });
}

}  // namespace h5cap
