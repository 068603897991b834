// What a reply to a read carries, checked: the server may be hostile.  The one place that reads it from the wire, and
// the one that puts it where it belongs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <h5cap/objects.capnp.h>

#include "client/src/reading/parts.h"
#include "core/heap.h"
#include "core/pack.h"
#include "h5cap/node.h"
#include "h5cap/read-version.h"

namespace h5cap::detail {

// Elements of what was selected, packed.  Points into the reply.
struct PackedRun {
  ElementRun run;
  std::span<const std::byte> elements;
  std::span<const std::byte> heap;
};

// The same with one element for all.
struct FilledRun {
  ElementRun run;
  std::span<const std::byte> element;
  std::span<const std::byte> heap;
};

// Some bytes of one element, counted over the packed element with its heap behind it; never all of them.
struct PartRun {
  std::uint64_t element = 0;
  std::uint64_t first = 0, total = 0;
  std::span<const std::byte> bytes;
};

// No elements: they are those of the version that the question named as known.
struct Unchanged {};

// What a reply brings of the result.  Other forms become other alternatives; whoever has none for a form has not asked
// for it.
using Body = std::variant<PackedRun, FilledRun, PartRun, Unchanged>;

struct Reply {
  ReadVersion version;
  VersionStability stability = VersionStability::unsettled;
  Shape shape;     // of the dataset
  Shape selected;  // of the whole selection
  std::vector<std::string> missingSources;
  Body body;
};

// Throws FileError (changed) when the elements are of another type than `type` by now, FileError (fileProblem) when the
// reply is not one about elements of `type`, Unimplemented when it carries them in a form that is not known here.
// Whether they are those that were asked for, `Parts` tells.
Reply readReply(rpc::ReadReply::Reader reply, const DataType& type);

// The elements that a body brings, or brings the end of; nothing when it brings none.
ElementRun runOf(const Body& body);

// Copies the elements of a body, of a selection whose extents are `counts`, to where `inResult` says in an array of
// shape `resultShape`; what places lead to is appended to `heap`.  Of an element that has a heap, parts are not placed.
void place(const Body& body, const DataType& type, const Shape& counts, const std::vector<Positions>& inResult,
           std::span<std::byte> result, const Shape& resultShape, Heap& heap);

// The positions that `part`, positions among those of `whole`, stand for.
std::vector<Positions> within(const std::vector<Positions>& whole, const std::vector<Positions>& part);

// A run of elements of counts as boxes of positions, in order.
std::vector<std::vector<Positions>> boxesOf(const Shape& counts, ElementRun run);

}  // namespace h5cap::detail
