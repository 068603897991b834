// What all nodes do: describe themselves, give their attributes.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "server/files/link-follower.h"
#include "server/objects/sealed-node.h"
#include "server/objects/served.h"

namespace h5cap {

// A capability of the kind that fits the object: a Group, a Dataset, a NamedType, or a plain Node when its kind is
// unknown.  Busy when the caller holds too much.
rpc::Node::Client makeNode(Caller& caller, Grant grant, FoundNode found);

// What may be done with an object in `file` that was reached through one in `from`: in another file never more than
// there.
Grant grantBehind(const Asking& asking, OpenFile& from, OpenFile& file);

rpc::Attributes::Client makeAttributes(const Asking& asking, NodePlace place);

// Of what a place keeps beside its file.
std::size_t keptBytes(const NodePlace& place);

using AttributesContext = capnp::CallContext<rpc::Node::AttributesParams, rpc::Node::AttributesResults>;
using DescribeContext = capnp::CallContext<rpc::Node::DescribeParams, rpc::Node::DescribeResults>;

// Answers Node's methods for a place in a file.
kj::Promise<void> describeNode(NodePlace place, DescribeContext context);

// `describe` and its companions, for the server of `Interface`, which is Node or extends it.
template <class Interface>
class NodeMethods : public Served<Interface> {
 public:
  NodeMethods(HandingOut key, NodePlace place) : Served<Interface>(key), place_(kj::mv(place)) {}

  kj::Promise<void> describe(DescribeContext context) override {
    context.allowCancellation();
    return describeNode(place_.clone(), context);
  }

  kj::Promise<void> attributes(AttributesContext context) override {
    context.getResults().setAttributes(makeAttributes(this->asking(), place_.clone()));
    return kj::READY_NOW;
  }

  kj::Promise<void> seal(SealContext context) override {
    context.allowCancellation();
    constexpr bool isFile = std::is_same_v<Interface, rpc::File>;
    return sealNode(place_.clone(), isFile ? Ticket::Kind::file : Ticket::Kind::node,
                    this->asking().grant.rights(), context);
  }

  std::string name() const override { return place_.text(); }
  std::size_t keptBytes() const override { return h5cap::keptBytes(place_); }

 protected:
  NodePlace& place() { return place_; }
  const NodePlace& place() const { return place_; }

  bool implements(std::uint64_t interfaceId) const override {
    return interfaceId == capnp::typeId<rpc::Node>() || interfaceId == capnp::typeId<Interface>();
  }

  std::string whatItIs() const override { return name() + " is " + nodeInterfaceName(capnp::typeId<Interface>()); }

 private:
  NodePlace place_;
};

}  // namespace h5cap
