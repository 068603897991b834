#include "h5cap/attributes.h"

#include <algorithm>

#include "client/src/open/node-state.h"
#include "client/src/open/paging.h"
#include "client/src/reading/one-version.h"
#include "client/src/rpc/checked.h"
#include "client/src/rpc/retry.h"
#include "core/checked-size.h"
#include "core/wire.h"

namespace h5cap {

namespace {

// A value that is larger than a reply, with the attribute that it is of.
class LargeValue {
 public:
  LargeValue(detail::NodeState& node, const std::string& name) : node_(node), name_(name) {}

  // FileError (changed) when it keeps changing meanwhile; Unimplemented by servers that have no parts.
  Attribute read() {
    for (int beginnings = 1;; ++beginnings) {
      attribute_ = {};
      version_.clear();
      value_ = {};
      done_ = total_ = 0;
      try {
        do {
          detail::retried(node_.connection(), [this] { ask(); });
        } while (done_ < total_);
        attribute_.value = std::move(value_);
        return std::move(attribute_);
      } catch (const FileError& problem) {
        if (problem.code() != ErrorCode::changed || beginnings == detail::MOST_BEGINNINGS) throw;
      }
    }
  }

 private:
  void ask() {
    struct Answer {
      Attribute attribute;
      Bytes bytes;
      std::uint64_t first = 0, total = 0;
      Version version;
    };
    auto answer = std::make_shared<Answer>();
    node_.connection().run([this, remote = node_.remote(), answer]() -> kj::Promise<void> {
      auto attributes = remote->node.attributesRequest().send().getAttributes();
      auto request = attributes.readPartRequest();
      request.setName(name_);
      request.setFirstByte(done_);
      request.setReplyBytes(rpc::MAX_REPLY_BYTES);
      request.setIfVersion(wire::asData(version_));
      return request.send().then([answer](auto reply) {
        detail::checked([&] {
          const auto part = reply.getPart();
          *answer = {wire::read(reply.getAttribute()), wire::readBytes(part.getBytes()), part.getFirst(),
                     part.getTotal(), wire::readBytes(reply.getVersion())};
        });
      });
    });
    take(std::move(answer->attribute), answer->first, answer->total, answer->bytes);
    version_ = std::move(answer->version);
  }

  void take(Attribute attribute, std::uint64_t first, std::uint64_t total, const Bytes& bytes) {
    if (done_ == 0) {
      attribute_ = std::move(attribute);
      total_ = total;
      elementBytes_ = (productOf(attribute_.space.shape) * attribute_.type.size()).orUnlimited();
    }
    if (first != done_ || total != total_ || bytes.empty() || !isWithin(first, bytes.size(), total) ||
        elementBytes_ > total)
      throw FileError(node_.path() + ", attribute '" + name_ + "': the server sent another part than was asked for",
                      ErrorCode::fileProblem);
    if (done_ == 0) value_.elements.reserve(elementBytes_), value_.heap.reserve(total - elementBytes_);
    const std::uint64_t ofElements = done_ < elementBytes_ ? std::min(elementBytes_ - done_, bytes.size()) : 0;
    const auto split = bytes.begin() + static_cast<std::ptrdiff_t>(ofElements);
    value_.elements.insert(value_.elements.end(), bytes.begin(), split);
    value_.heap.insert(value_.heap.end(), split, bytes.end());
    done_ += bytes.size();
  }

  detail::NodeState& node_;
  const std::string& name_;
  Attribute attribute_;
  Attribute::Value value_;
  Version version_;  // of the parts so far
  std::uint64_t elementBytes_ = 0, done_ = 0, total_ = 0;
};

// Reads one by name, in one reply; throws NotFound.
Attribute askWhole(detail::NodeState& node, const std::string& name) {
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

Attribute ask(detail::NodeState& node, const std::string& name) {
  try {
    return askWhole(node, name);
  } catch (const FileError& problem) {
    if (problem.code() != ErrorCode::tooLarge) throw;
    try {
      return LargeValue(node, name).read();
    } catch (const Unimplemented&) {
      // What an older server says, too, stays what it said.
    }
    throw;
  }
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
