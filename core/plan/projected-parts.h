// What a region of a virtual dataset takes from one source.
#pragma once

#include <utility>
#include <vector>

#include "core/plan/placement.h"
#include "core/plan/wanted.h"
#include "h5cap/shape.h"

namespace h5cap {

struct ProjectedPart {
  Wanted source;    // what to read from the source
  Placement place;  // where it goes in an array of the region's counts
};

// A FileError (fileProblem): mappings of whole sources outlive a change of the source's shape.
[[noreturn]] void mappedOutside();

// Collects regions of a source, each of which has to lie within it: FileError (fileProblem).  FileError (tooLarge) for
// too many.
class ProjectedParts {
 public:
  explicit ProjectedParts(const Shape& source) : source_(source) {}

  void add(Region region, Placement place);
  std::size_t size() const { return parts_.size(); }
  std::vector<ProjectedPart> take() { return std::move(parts_); }

 private:
  const Shape source_;
  std::vector<ProjectedPart> parts_;
};

}  // namespace h5cap
