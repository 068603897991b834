#include "client/src/reading/known-extent.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "core/wire.h"

namespace h5cap::detail {

namespace {

// A mask as a list; any other axis as it is.
Axis withoutMask(const Axis& axis) {
  const auto* mask = std::get_if<BitMask>(&axis);
  if (mask == nullptr) return axis;
  Indices list;
  for (auto i = mask->next(0); i < mask->size(); i = mask->next(i + 1))
    list.values.push_back(static_cast<std::int64_t>(i));
  return list;
}

}  // namespace

bool isFixed(const Selection& selection, const Dataspace& space) {
  for (std::size_t axis = 0; axis < space.shape.size(); ++axis) {
    bool grows = axis < space.maxShape.size() && space.maxShape[axis] != space.shape[axis];
    if (!grows) continue;
    if (axis >= selection.axes().size()) return false;
    const Axis& wanted = selection.axes()[axis];
    auto* index = std::get_if<std::int64_t>(&wanted);
    auto* range = std::get_if<Range>(&wanted);
    auto* list = std::get_if<Indices>(&wanted);
    bool fixed = (index && *index >= 0) || (range && range->start >= 0 && range->stop >= 0 &&
                                            static_cast<std::uint64_t>(range->stop) <= space.shape[axis]) ||
                 (list && std::all_of(list->values.begin(), list->values.end(), [](auto i) { return i >= 0; }));
    if (!fixed) return false;
  }
  return true;
}

Selection fixedTo(const Shape& shape, const Selection& selection) {
  auto expanded = wire::expandEllipsis(selection, shape.size());
  auto fixed = asSelection(resolve(selection, shape)).axes();
  for (std::size_t axis = 0; axis < expanded.axes().size() && axis < fixed.size(); ++axis) {
    if (std::holds_alternative<BitMask>(expanded.axes()[axis])) fixed[axis] = expanded.axes()[axis];
  }
  return Selection(std::move(fixed));
}

Selection fixedToKnown(NodeState& node, const Selection& selection) {
  auto info = node.knownInfo();
  const bool isKnown = info && info->dataset && info->dataset->space.kind == Dataspace::Kind::simple;
  return isKnown && selection.isOrthogonal() ? fixedTo(info->dataset->space.shape, selection) : selection;
}

Selection withoutGrowingMasks(const Selection& selection, const Dataspace& space) {
  auto axes = selection.axes();
  for (std::size_t axis = 0; axis < axes.size() && axis < space.maxShape.size(); ++axis) {
    if (space.maxShape[axis] != space.shape[axis]) axes[axis] = withoutMask(axes[axis]);
  }
  return Selection(std::move(axes));
}

Selection withoutMasks(const Selection& selection) {
  auto axes = selection.axes();
  for (auto& axis : axes) axis = withoutMask(axis);
  return Selection(std::move(axes));
}

Selection withoutEllipsis(NodeState& node, const Selection& selection) {
  if (!selection.isOrthogonal()) return selection;
  auto axes = selection.axes();
  if (!axes.empty() && std::holds_alternative<Ellipsis>(axes.back())) {
    axes.pop_back();
    return Selection(std::move(axes));
  }
  bool hasEllipsis = std::any_of(axes.begin(), axes.end(), [](auto& a) { return std::holds_alternative<Ellipsis>(a); });
  return hasEllipsis ? wire::expandEllipsis(selection, node.shape().size()) : selection;
}

}  // namespace h5cap::detail
