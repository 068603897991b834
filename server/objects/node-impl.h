// What all nodes do: describe themselves, give their attributes.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "server/files/link-follower.h"
#include "server/objects/sealed-node.h"
#include "server/objects/served.h"

namespace h5cap {

// A capability of the kind that fits the object: a Group, a Dataset, a NamedType, or a plain Node when its kind is unknown.
rpc::Node::Client makeNode(FoundNode found);

rpc::Attributes::Client makeAttributes(NodePlace place);

using AttributesContext = capnp::CallContext<rpc::Node::AttributesParams, rpc::Node::AttributesResults>;
using DescribeContext = capnp::CallContext<rpc::Node::DescribeParams, rpc::Node::DescribeResults>;

// Answers Node's methods for a place in a file.
kj::Promise<void> describeNode(NodePlace place, DescribeContext context);

// `describe` and its companions, for the server of `Interface`, which is Node or extends it.
template <class Interface>
class NodeMethods : public Served<Interface> {
 public:
  explicit NodeMethods(NodePlace place) : Served<Interface>(place.file->session()), place_(kj::mv(place)) {}

  kj::Promise<void> describe(DescribeContext context) override {
    context.allowCancellation();
    return describeNode(place_.clone(), context);
  }

  kj::Promise<void> attributes(AttributesContext context) override {
    context.getResults().setAttributes(makeAttributes(place_.clone()));
    return kj::READY_NOW;
  }

  kj::Promise<void> seal(SealContext context) override {
    context.allowCancellation();
    constexpr bool isFile = std::is_same_v<Interface, rpc::File>;
    return sealNode(place_.clone(), isFile ? Ticket::Kind::file : Ticket::Kind::node, context);
  }

 protected:
  NodePlace& place() { return place_; }

  bool implements(std::uint64_t interfaceId) const override {
    return interfaceId == capnp::typeId<rpc::Node>() || interfaceId == capnp::typeId<Interface>();
  }

  std::string whatItIs() override {
    const char* name = nodeInterfaceName(capnp::typeId<Interface>());
    return place_.text() + " is " + (name == nullptr ? "a node" : name);
  }

 private:
  NodePlace place_;
};

}  // namespace h5cap
