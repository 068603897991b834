// The client's plain values as Python's plain values: dictionaries, tuples, strings.  h5cap/types/dtypes.py and its
// neighbours give them meaning.
#pragma once

#include <nanobind/nanobind.h>

#include "h5cap/array.h"
#include "h5cap/node.h"
#include "h5cap/selection.h"

namespace h5cap::python {

namespace nb = nanobind;

nb::dict toPython(const DataType& type);         // {"class": "integer", "size": 2, …}
nb::object toPython(const Dataspace& space);     // None (null), or (shape, maximal shape); may throw Unimplemented
nb::tuple toPython(const Shape& shape);          // of int; `unlimited` is None
nb::tuple toPython(const Link& link);            // (name, kind, target…)
nb::dict toPython(const DatasetInfo& info);      // without the sources of a virtual dataset
nb::dict toPython(const NodeInfo& info);         // without links and attributes; throws what is wrong with the node
nb::dict toPython(const FileInfo& info);
nb::list toPython(const std::vector<VirtualSource>& sources);
nb::list toPython(const std::vector<std::string>& names);
nb::dict toPython(const Hyperslab& stored);      // kind, dimensions, boxes, points, extent
nb::dict toPython(const Attribute& attribute);   // "value" is (elements, heap), None when omitted or unreadable
nb::tuple toPython(const ReadVersion& version);  // (file, sources), both bytes
nb::tuple toPython(PackedElements&& packed);     // (type, shape, elements, heap, missing sources, version)

nb::list toPython(const Selection& selection);    // as reading.cc takes it
nb::str toText(const std::string& text);         // names are UTF-8, with surrogate escapes where they are not
nb::bytes toBytes(const Bytes& bytes);
Bytes bytesFrom(const nb::bytes& bytes);

// Memory for NumPy: a one-dimensional array of bytes that owns what it shows, without copying.
nb::object toByteArray(Bytes&& bytes);

}  // namespace h5cap::python
