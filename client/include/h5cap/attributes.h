// Attributes of a node.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "h5cap/array.h"
#include "h5cap/node.h"

namespace h5cap {

namespace detail {
class NodeState;
}

class Attributes {
 public:
  // All of them, in name order; large values are `Attribute::Omitted`.  None within a snapshot, otherwise one round
  // trip a thousand.
  std::vector<Attribute> list() const;

  // One, with its value; nothing when there is none.  No round trip when its value came with a snapshot or a
  // description, otherwise one.
  std::optional<Attribute> find(const std::string& name) const;

  // The value of one, converted as `Dataset::read` does.  Throws NotFound.
  template <class T>
  Array<T> read(const std::string& name) const;

  explicit Attributes(std::shared_ptr<detail::NodeState> node) : node_(std::move(node)) {}

 private:
  PackedElements readPacked(const std::string& name) const;

  std::shared_ptr<detail::NodeState> node_;
};

template <class T>
Array<T> Attributes::read(const std::string& name) const {
  PackedElements packed = readPacked(name);
  Array<T> result(packed.shape);
  convert(packed.type, packed.elements.data(), result.size(), packed.heap, nativeType<T>(), result.data());
  return result;
}

}  // namespace h5cap
