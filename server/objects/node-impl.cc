#include "server/objects/node-impl.h"

#include "server/objects/dataset-impl.h"
#include "server/objects/group-impl.h"
#include "server/objects/named-type-impl.h"

namespace h5cap {
namespace {

class UnknownNodeImpl final : public NodeMethods<rpc::Node> {
 public:
  using NodeMethods::NodeMethods;

 private:
  std::string whatItIs() override { return place().text() + " is an object of an unknown kind"; }
};

}  // namespace

rpc::Node::Client makeNode(FoundNode found) {
  switch (found.info->kind) {
    case NodeKind::group:
      return kj::heap<GroupImpl>(kj::mv(found.place));
    case NodeKind::dataset:
      return kj::heap<DatasetImpl>(kj::mv(found.place));
    case NodeKind::namedType:
      return kj::heap<NamedTypeImpl>(kj::mv(found.place));
    case NodeKind::unknown:
      break;
  }
  return kj::heap<UnknownNodeImpl>(kj::mv(found.place));
}

kj::Promise<void> describeNode(NodePlace place, DescribeContext context) {
  return findNode(kj::mv(place))
      .then([](FoundNode found) {
        auto& version = *found.version;
        return version
            .ask([id = found.info->id](rpc::PlannerRequest::Builder request) { request.setDescribe(id); })
            .then([kept = kj::mv(found.version)](kj::Own<PlannerAnswer> answer) mutable {
              return std::make_pair(kj::mv(kept), kj::mv(answer));
            });
      })
      .then([context](std::pair<kj::Own<FileVersion>, kj::Own<PlannerAnswer>> described) mutable {
        auto reply = described.second->reply();
        if (!reply.isNode()) raiseKj(ErrorCode::fileProblem, "the planner answered another question");
        auto results = context.getResults();
        results.setInfo(reply.getNode());
        results.setVersion(wire::asData(described.first->version()));
      });
}

}  // namespace h5cap
