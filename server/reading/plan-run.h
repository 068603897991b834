// A plan carried out for one reply: libhdf5 is asked, raw files are opened, and a thread does the rest.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/fields.h"
#include "server/reading/planning.h"

namespace h5cap {

struct CarriedOut {
  bool isUnchanged = false;  // every file is as it was when the plan was made, but for those with a live SWMR writer
  Bytes heap;
  std::vector<SeenSource> seen;   // sources and raw files
  std::optional<Bytes> elements;  // set when they came too late for `target`: see `mayTakeBack`
};

// Puts the elements, packed, into `target`, which the promise's end takes away; with `picker` the fields that it picks.
// When storage that may hang takes more than a second, `mayTakeBack` is asked for `target`: true makes it void.
// Everything is read as the session of `place`, for as long as it may be: Denied when a permission ends meanwhile.
// FileError (fileProblem) for a raw file that is absent, (tooLarge) when a reply with fewer elements may be possible.
// `planning` is done, and outlives the promise.
kj::Promise<CarriedOut> runPlan(Planning& planning, WorkOwner owner, std::shared_ptr<const FieldPicker> picker,
                                std::span<std::byte> target, kj::Function<bool()> mayTakeBack);

}  // namespace h5cap
