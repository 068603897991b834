#include "server/objects/node-impl.h"

#include "server/objects/dataset-impl.h"
#include "server/objects/group-impl.h"
#include "server/objects/named-type-impl.h"
#include "server/planner-pool/answer-checks.h"
#include "server/reading/virtual-extent.h"

namespace h5cap {
namespace {

class UnknownNodeImpl final : public NodeMethods<rpc::Node> {
 public:
  using NodeMethods::NodeMethods;

 private:
  std::string whatItIs() const override { return name() + " is an object of an unknown kind"; }
};

}  // namespace

rpc::Node::Client makeNode(Caller& caller, Grant grant, FoundNode found) {
  switch (found.info->kind) {
    case NodeKind::group:
      return handOut<GroupImpl>(caller, std::move(grant), kj::mv(found.place));
    case NodeKind::dataset:
      return handOut<DatasetImpl>(caller, std::move(grant), kj::mv(found.place));
    case NodeKind::namedType:
      return handOut<NamedTypeImpl>(caller, std::move(grant), kj::mv(found.place));
    case NodeKind::unknown:
      break;
  }
  return handOut<UnknownNodeImpl>(caller, std::move(grant), kj::mv(found.place));
}

Grant grantBehind(const Asking& asking, OpenFile& from, OpenFile& file) {
  return &from == &file ? asking.grant : file.grant().narrowedTo(asking.grant.rights());
}

std::size_t keptBytes(const NodePlace& place) {
  return place.path.size() + (place.token == nullptr ? 0 : place.token->size());
}

namespace {

// What the planner cannot know of a virtual dataset that grows with its sources, which it does not open.
kj::Promise<void> addExtent(NodePlace place, FileVersion& version, rpc::NodeInfo::Builder info) {
  if (!info.hasDataset() || !info.getDataset().getSpace().isUnknown()) return kj::READY_NOW;
  auto builder = info.getDataset().getSpace();
  Dataspace space = wire::read(builder.asReader());
  return version.storage(info.getId())
      .then([place = kj::mv(place), space](std::shared_ptr<const Storage> storage) mutable {
        return measureExtent(kj::mv(place), space, std::move(storage));
      })
      .then([space, builder](VirtualExtent extent) mutable {
        guarded([&] {
          space.kind = Dataspace::Kind::simple;
          space.shape = extent.shape;
          wire::write(space, builder);
        });
      });
}

}  // namespace

kj::Promise<void> describeNode(NodePlace place, DescribeContext context) {
  return findNode(kj::mv(place))
      .then([context](FoundNode found) mutable {
        auto& version = *found.version;
        return version
            .ask([id = found.info->id](rpc::PlannerRequest::Builder request) { request.setDescribe(id); })
            .then([context, found = kj::mv(found)](kj::Own<PlannerAnswer> answer) mutable {
              auto reply = answer->reply();
              if (!reply.isNode()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
              guarded([&] { checkNode(reply.getNode(), found.info->id); });
              auto results = context.getResults();
              results.setInfo(reply.getNode());
              results.setVersion(wire::asData(found.version->version()));
              return guarded([&] {
                return addExtent(found.place.clone(), *found.version, results.getInfo()).attach(kj::mv(found.version));
              });
            });
      });
}

}  // namespace h5cap
