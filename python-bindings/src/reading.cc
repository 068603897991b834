// Elements: from a selection to bytes, into NumPy's memory where the type allows it.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>
#include <map>

#include "bindings.h"
#include "h5cap/place.h"
#include "to-python.h"

namespace h5cap::python {

using namespace nb::literals;

namespace {

using ByteBuffer = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// An axis is None (all), an int (dropped), (start, stop or None, step), a list of ints, a Mask, or Ellipsis.
Axis axisFrom(nb::handle axis) {
  if (axis.is_none()) return all;
  if (axis.is(nb::ellipsis())) return ellipsis;
  if (nb::isinstance<nb::tuple>(axis)) {
    auto parts = nb::borrow<nb::tuple>(axis);
    std::int64_t stop = parts[1].is_none() ? Range::openEnd : nb::cast<std::int64_t>(parts[1]);
    return range(nb::cast<std::int64_t>(parts[0]), stop, nb::cast<std::uint64_t>(parts[2]));
  }
  if (nb::isinstance<nb::list>(axis)) {
    Indices indices;
    for (nb::handle index : nb::borrow<nb::list>(axis)) indices.values.push_back(nb::cast<std::int64_t>(index));
    return indices;
  }
  if (nb::isinstance<BitMask>(axis)) return nb::cast<BitMask>(axis);
  return nb::cast<std::int64_t>(axis);
}

// One byte an element, as NumPy's booleans are.
BitMask maskFrom(nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> flags) {
  return BitMask::fromBytes(flags.data(), flags.size());
}

std::vector<Axis> axesFrom(nb::handle axes) {
  std::vector<Axis> out;
  for (nb::handle axis : axes) out.push_back(axisFrom(axis));
  return out;
}

Points pointsFrom(nb::ndarray<const std::uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> coordinates) {
  return Points{std::vector<std::uint64_t>(coordinates.data(), coordinates.data() + coordinates.size())};
}

// A list of axes, a Mask over all elements, a tuple of axes and a Mask of what they mean, or Points.
Selection selectionFrom(const nb::object& axes) {
  if (nb::isinstance<BitMask>(axes)) return nb::cast<BitMask>(axes);
  if (nb::isinstance<Points>(axes)) return nb::cast<Points>(axes);
  if (!nb::isinstance<nb::tuple>(axes)) return Selection(axesFrom(axes));
  auto parts = nb::borrow<nb::tuple>(axes);
  return Selection(axesFrom(parts[0]), nb::cast<BitMask>(parts[1]));
}

// What `toPython` made of one; None: any.
ReadVersion versionFrom(nb::handle version) {
  if (version.is_none()) return {};
  auto parts = nb::cast<nb::tuple>(version);
  return {bytesFrom(nb::cast<nb::bytes>(parts[0])), bytesFrom(nb::cast<nb::bytes>(parts[1]))};
}

// `progress`: None, or called with (elements done, elements of the whole) by the waiting thread; what it raises ends
// the read.
ReadOptions readOptions(bool raiseMissing, nb::handle progress, const nb::object& fields, nb::handle ifVersion) {
  ReadOptions options;
  options.ifVersion = versionFrom(ifVersion);
  for (nb::handle name : fields) options.fields.push_back(nb::cast<std::string>(name));
  options.raiseMissingSources = raiseMissing;
  if (progress.is_none()) return options;
  options.progress = [progress](std::uint64_t done, std::uint64_t total) {
    PyGILState_STATE before{};
    takeLock([&] { before = PyGILState_Ensure(); });
    try {
      progress(done, total);
    } catch (...) {
      PyGILState_Release(before);
      throw;
    }
    PyGILState_Release(before);
  };
  return options;
}

nb::tuple readPacked(const Node& node, const nb::object& axes, bool raiseMissing, nb::handle progress,
                     const nb::object& fields, nb::handle ifVersion) {
  Selection selection = selectionFrom(axes);
  ReadOptions options = readOptions(raiseMissing, progress, fields, ifVersion);
  PackedElements packed = waiting([&] { return Dataset(node.state())[selection].readPacked(options); });
  return toPython(std::move(packed));
}

nb::tuple readInto(const Node& node, const nb::object& axes, ByteBuffer target, bool raiseMissing, nb::handle progress,
                   const nb::object& fields, nb::handle ifVersion) {
  Selection selection = selectionFrom(axes);
  ReadOptions options = readOptions(raiseMissing, progress, fields, ifVersion);
  auto* data = reinterpret_cast<std::byte*>(target.data());
  std::size_t capacity = target.size();
  std::vector<std::string> missing;
  options.missingSources = [&missing](const std::vector<std::string>& names) { missing = names; };
  ReadVersion version;
  options.version = [&version](const ReadVersion& read) { version = read; };
  Shape shape = waiting([&] { return Dataset(node.state())[selection].readPackedInto(data, capacity, options); });
  return nb::make_tuple(toPython(shape), toPython(missing), toPython(version));
}

// The data of variable-length places, as bytes objects; each counted item is `itemSize` bytes of the heap.
nb::list heapSlices(nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> places,
                    const nb::bytes& heap, std::uint64_t itemSize) {
  if (places.size() % PLACE_BYTES != 0) throw FileError("variable-length data: the places are cut short");
  nb::list out;
  // Places may lead to the same data, all of millions of them: once more has been made than there is, it is shared.
  std::map<HeapPlace, nb::bytes> shared;
  std::uint64_t made = 0;
  for (std::size_t at = 0; at < places.size(); at += PLACE_BYTES) {
    const HeapPlace place = readPlace(reinterpret_cast<const std::byte*>(places.data() + at));
    const std::byte* data =
        placeData(place, itemSize, reinterpret_cast<const std::byte*>(heap.c_str()), heap.size());
    if (data == nullptr) {
      out.append(nb::bytes("", 0));
      continue;
    }
    const std::uint64_t size = place.count * itemSize;
    if (made <= heap.size()) {
      made += size;
      out.append(nb::bytes(data, size));
      continue;
    }
    auto found = shared.find(place);
    if (found == shared.end()) found = shared.emplace(place, nb::bytes(data, size)).first;
    out.append(found->second);
  }
  return out;
}

}  // namespace

void bindReading(nb::module_& module) {
  nb::class_<BitMask>(module, "Mask", "Which elements of an axis, or of a whole dataset, are wanted: as bits.")
      .def("__len__", &BitMask::size)
      .def("count", &BitMask::count, "How many are wanted.");
  module.def("mask", maskFrom, "flags"_a, "A Mask of booleans, one byte each.");
  nb::class_<Points>(module, "Points", "Single elements, in any order.");
  module.def("points", pointsFrom, "coordinates"_a, "Points by their coordinates, rank after rank.");
  module.def("read", readPacked, "node"_a, "axes"_a, "raise_missing"_a, "progress"_a = nb::none(),
             "fields"_a = nb::make_tuple(), "if_version"_a = nb::none(),
             "Elements as they are packed: (type, shape, bytes, heap, missing sources, version).");
  module.def("read_into", readInto, "node"_a, "axes"_a, "target"_a, "raise_missing"_a, "progress"_a = nb::none(),
             "fields"_a = nb::make_tuple(), "if_version"_a = nb::none(),
             "Elements into a byte buffer; returns (shape, missing sources, version).  What is open in the axes means\n"
             "the shape that is known, if one is.  Not for variable-length data.");
  module.attr("PLACE_BYTES") = PLACE_BYTES;
  module.def("heap_slices", heapSlices, "The data behind variable-length places.");
}

}  // namespace h5cap::python
