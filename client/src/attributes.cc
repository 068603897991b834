#include "h5cap/attributes.h"

#include <algorithm>

#include "client/src/open/node-state.h"
#include "client/src/open/paging.h"
#include "client/src/rpc/checked.h"
#include "client/src/rpc/retry.h"
#include "core/checked-size.h"
#include "core/wire.h"

namespace h5cap {

namespace {

// Reads one by name; throws NotFound.
Attribute ask(detail::NodeState& node, const std::string& name) {
  auto attribute = std::make_shared<Attribute>();
  detail::retried(node.connection(), [&] {
    node.connection().run([remote = node.remote(), attribute, name]() -> kj::Promise<void> {
      auto attributes = remote->node.attributesRequest().send().getAttributes();
      auto request = attributes.readRequest();
      request.setName(name);
      return request.send().then(
          [attribute](auto reply) { detail::checked([&] { *attribute = wire::read(reply.getAttribute()); }); });
    });
  });
  return std::move(*attribute);
}

}  // namespace

std::vector<Attribute> Attributes::list() const {
  const auto info = node_->info();
  if (info->problem) raise(info->problem->code, node_->path() + ": " + info->problem->message);
  if (info->attributesComplete) return info->attributes;
  auto found = std::make_shared<std::vector<Attribute>>();
  auto paging = std::make_shared<detail::Paging>(node_->path() + ", attributes");
  auto askPage = [&] {
    node_->connection().run([remote = node_->remote(), found, paging]() -> kj::Promise<void> {
      auto attributes = remote->node.attributesRequest().send().getAttributes();
      auto request = attributes.listRequest();
      request.setCursor(wire::asData(paging->cursor()));
      request.setLimit(detail::Paging::PAGE);
      return request.send().then([found, paging](auto reply) {
        detail::checked([&] { detail::appendPage<rpc::Attribute>(reply, reply.getAttributes(), *paging, *found); });
      });
    });
  };
  do {
    detail::retried(node_->connection(), askPage);
  } while (!paging->isAtEnd());
  return std::move(*found);
}

std::optional<Attribute> Attributes::find(const std::string& name) const {
  const auto info = node_->knownInfo() || node_->file()->wantsSnapshot() ? node_->info() : nullptr;
  if (info && info->attributesComplete) {
    auto found =
        std::find_if(info->attributes.begin(), info->attributes.end(), [&](auto& a) { return a.name == name; });
    if (found == info->attributes.end()) return std::nullopt;
    if (!std::holds_alternative<Attribute::Omitted>(found->value)) return *found;
  }
  try {
    return ask(*node_, name);
  } catch (const NotFound&) {
    if (node_->knownInfo()) return std::nullopt;
    node_->info();  // throws when it is the node that is missing
    return std::nullopt;
  }
}

PackedElements Attributes::readPacked(const std::string& name) const {
  auto attribute = find(name);
  if (!attribute) throw NotFound(node_->path() + ": no attribute '" + name + "'");
  if (auto* problem = std::get_if<ErrorText>(&attribute->value)) {
    raise(problem->code, node_->path() + ", attribute '" + name + "': " + problem->message);
  }
  auto* value = std::get_if<Attribute::Value>(&attribute->value);
  if (value == nullptr) throw FileError(node_->path() + ", attribute '" + name + "': too large", ErrorCode::tooLarge);
  if (attribute->space.kind == Dataspace::Kind::null) {
    throw BadSelection(node_->path() + ", attribute '" + name + "' has a null space: nothing to read");
  }
  // The server's word: conversion reads this many elements.
  if ((productOf(attribute->space.shape) * attribute->type.size()).fits() != value->elements.size()) {
    throw FileError(node_->path() + ", attribute '" + name + "': its size does not fit its shape",
                    ErrorCode::fileProblem);
  }
  return {attribute->type, attribute->space.shape, std::move(value->elements), std::move(value->heap), {}};
}

}  // namespace h5cap
