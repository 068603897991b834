// Groups, and files, which are their root groups.
#pragma once

#include "server/objects/node-impl.h"
#include "server/reading/raw-bytes.h"
#include "server/objects/referenced-node.h"

namespace h5cap {

using ListLinksContext = capnp::CallContext<rpc::Group::ListParams, rpc::Group::ListResults>;
using OpenNodeContext = capnp::CallContext<rpc::Group::OpenParams, rpc::Group::OpenResults>;
using DescribeLinkContext = capnp::CallContext<rpc::Group::LinkParams, rpc::Group::LinkResults>;

kj::Promise<void> listLinks(NodePlace place, ListLinksContext context);

// `from` is the file of the group that is asked; `asking` outlives the promise.
kj::Promise<void> openNode(const Asking& asking, kj::Own<OpenFile> from, NodePlace place, OpenNodeContext context);

kj::Promise<void> describeLink(NodePlace place, DescribeLinkContext context);

template <class Interface>
class GroupMethods : public NodeMethods<Interface> {
 public:
  using NodeMethods<Interface>::NodeMethods;

  kj::Promise<void> list(ListLinksContext context) override {
    context.allowCancellation();
    return listLinks(this->place().clone(), context);
  }

  kj::Promise<void> open(OpenNodeContext context) override {
    context.allowCancellation();
    return openNode(this->asking(), kj::addRef(*this->place().file), below(context.getParams().getPath()), context);
  }

  kj::Promise<void> link(DescribeLinkContext context) override {
    context.allowCancellation();
    return describeLink(below(context.getParams().getPath()), context);
  }

 protected:
  bool implements(std::uint64_t interfaceId) const override {
    return interfaceId == capnp::typeId<rpc::Group>() || NodeMethods<Interface>::implements(interfaceId);
  }

 private:
  NodePlace below(capnp::Text::Reader path) {
    NodePlace place = this->place().clone();
    std::string wanted(path.begin(), path.size());
    if (!wanted.empty() && wanted.front() == '/') place.token = nullptr;
    place.path = place.path.empty() ? std::move(wanted) : joinPath(place.path, wanted);
    return place;
  }
};

class GroupImpl final : public GroupMethods<rpc::Group> {
 public:
  using GroupMethods::GroupMethods;
};

class FileImpl final : public GroupMethods<rpc::File> {
 public:
  FileImpl(HandingOut key, kj::Own<OpenFile> file) : GroupMethods(key, NodePlace{kj::mv(file), "/"}) {}

  kj::Promise<void> dereference(DereferenceContext context) override {
    context.allowCancellation();
    return dereferenceToken(asking(), place().clone(), context);
  }
  kj::Promise<void> stat(StatContext context) override;
  kj::Promise<void> pathNow(PathNowContext context) override;
  kj::Promise<void> readBytes(ReadBytesContext context) override {
    context.allowCancellation();
    return readRawBytes(*place().file, asking().caller, context);
  }
};

}  // namespace h5cap
