// Where the places of variable-length data lie in packed elements of a type, at every depth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "h5cap/data-type.h"

namespace h5cap {

// A small program made of a type, which is walked over elements.  Types whose places lie alike and lead to the same
// have one pattern, whatever their names.  Walking costs time in proportion to the bytes that are walked over, for any
// type: no two places of an element overlap.
class PlacePattern {
 public:
  using Id = std::uint32_t;  // of a part of the pattern
  static constexpr Id NONE = UINT32_MAX;

  // What a place leads to.
  struct Base {
    std::uint64_t bytes = 0;  // of one base element
    Id pattern = NONE;        // of one base element; NONE: there are no places in it
  };

  // Throws FileError (fileProblem) for a type whose parts lie outside of it, or whose variable-length parts overlap.
  explicit PlacePattern(const DataType& type) : root_(add(type)) {}

  // Of one whole element; NONE: there are no places in it.
  Id root() const { return root_; }

  // What the places of a part lead to that is one place.
  const Base& base(Id place) const { return parts_[place].base; }

  // Whether what places lead to has places itself.
  bool nests() const;

  // Calls visit(place, bytes) for each place in an element: a part that is one place, and a pointer to where it stands.
  template <class Byte, class Visit>
  void visit(Id pattern, Byte* element, Visit& visitPlace) const {
    const Part& part = parts_[pattern];
    switch (part.kind) {
      case Kind::place:
        return visitPlace(pattern, element);
      case Kind::repeated:
        for (std::uint64_t i = 0; i < part.count; ++i) visit(part.inner, element + i * part.stride, visitPlace);
        return;
      case Kind::fields:
        for (const Field& field : part.fields) visit(field.pattern, element + field.offset, visitPlace);
    }
  }

 private:
  enum class Kind { place, repeated, fields };

  struct Field {
    std::uint64_t offset = 0, end = 0;
    Id pattern = NONE;
  };

  struct Part {
    Kind kind = Kind::place;
    Base base;                          // of a place
    std::uint64_t count = 0, stride = 0;  // of a repeated part
    Id inner = NONE;
    std::vector<Field> fields;          // disjoint, in order
  };

  using Key = std::vector<std::uint64_t>;

  Id add(const DataType& type);
  Id addPlace(const DataType& type, Base base);
  Id addFields(const DataType& type, const CompoundType& compound);
  Id known(Part part);

  std::vector<Part> parts_;
  std::map<Key, Id> ids_;
  Id root_;
};

}  // namespace h5cap
