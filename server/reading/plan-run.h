// A plan carried out for one reply: libhdf5 is asked, raw files are opened, and a thread does the rest.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/fields.h"
#include "server/reading/planning.h"
#include "server/reading/read-request.h"

namespace h5cap {

// Which bytes of an element are wanted: of the packed element with its heap behind it.
struct PartWanted {
  std::uint64_t first = 0;
  std::uint64_t most = 0;  // at least one
};

struct CarriedPart {
  bool isUnchanged = false;  // as CarriedOut's
  Bytes bytes;
  std::uint64_t total = 0;  // of the element with its heap
};

struct CarriedOut {
  bool isUnchanged = false;  // every file is as it was when the plan was made, but for those with a live SWMR writer
  Bytes heap;
  std::optional<Bytes> elements;  // set when they came too late for `target`: see ElementSpace::standAside
  std::uint64_t partTotal = 0;    // of a part: how many bytes the element has with its heap
};

// Puts the elements, packed, into `target`, which the promise's end takes away; with `picker` the fields that it picks.
// `target` is of `space`, which is asked to stand aside when storage that may hang takes more than a second.
// Everything is read as the session of `place`, for as long as it may be: Denied when a permission ends meanwhile.
// FileError (fileProblem) for a raw file that is absent, (tooLarge) when a reply with fewer elements may be possible.
// `planning` is done, and outlives the promise, as `space` does; it learns which raw files were seen.
kj::Promise<CarriedOut> runPlan(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                std::span<std::byte> target, ElementSpace& space);

// Bytes of the one element of the plan, which is not converted: with `picker` of the fields that it picks.  The same
// otherwise.  BadSelection for a part that begins beyond the element.
kj::Promise<CarriedPart> runPart(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                 PartWanted part, ElementSpace& space);

// The same of an element that is in memory.
CarriedPart partOf(std::span<const std::byte> element, std::span<const std::byte> heap, PartWanted part);

}  // namespace h5cap
