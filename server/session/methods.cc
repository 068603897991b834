#include "server/session/methods.h"

#include <capnp/schema.h>
#include <h5cap/objects.capnp.h>
#include <h5cap/service.capnp.h>

#include <algorithm>

namespace h5cap {
namespace {

using rpc::Access;

template <class Interface>
MethodRule rule(const char* name, Access needs, Turn turn, MethodRule::TimeAllowed timeAllowed = nullptr) {
  const auto method = capnp::Schema::from<Interface>().getMethodByName(name);
  return {{capnp::typeId<Interface>(), method.getOrdinal()}, needs, turn, timeAllowed};
}

std::chrono::milliseconds allowedForRead(capnp::AnyPointer::Reader params) {
  return std::chrono::milliseconds(params.getAs<rpc::Dataset::ReadParams>().getOptions().getDeadlineMs());
}

}  // namespace

MethodTable::MethodTable()
    : rules_{
          rule<rpc::Service>("hello", Access::NONE, Turn::call),
          rule<rpc::Service>("login", Access::NONE, Turn::call),
          rule<rpc::Service>("restore", Access::NONE, Turn::call),

          rule<rpc::Session>("root", Access::NONE, Turn::call),
          rule<rpc::Session>("ping", Access::NONE, Turn::none),
          rule<rpc::Session>("identity", Access::NONE, Turn::call),

          rule<rpc::Directory>("list", Access::LIST, Turn::call),
          rule<rpc::Directory>("open", Access::LIST, Turn::call),
          rule<rpc::Directory>("openFile", Access::LIST, Turn::call),

          rule<rpc::Node>("describe", Access::LIST, Turn::call),
          rule<rpc::Node>("attributes", Access::LIST, Turn::call),
          rule<rpc::Node>("seal", Access::LIST, Turn::call),

          rule<rpc::Group>("list", Access::LIST, Turn::call),
          rule<rpc::Group>("open", Access::LIST, Turn::call),
          rule<rpc::Group>("link", Access::LIST, Turn::call),

          rule<rpc::File>("dereference", Access::LIST, Turn::call),
          rule<rpc::File>("stat", Access::LIST, Turn::call),
          rule<rpc::File>("pathNow", Access::LIST, Turn::call),
          rule<rpc::File>("readBytes", Access::READ, Turn::read),

          rule<rpc::Dataset>("read", Access::READ, Turn::read, allowedForRead),
          rule<rpc::Dataset>("missingSources", Access::LIST, Turn::call),

          rule<rpc::NamedType>("type", Access::LIST, Turn::call),

          rule<rpc::Attributes>("list", Access::LIST, Turn::call),
          rule<rpc::Attributes>("read", Access::LIST, Turn::call),
          rule<rpc::Attributes>("readPart", Access::LIST, Turn::call),
      } {
  std::sort(rules_.begin(), rules_.end(), [](auto& a, auto& b) { return a.method < b.method; });
}

const MethodRule* MethodTable::find(MethodId method) const {
  auto found = std::lower_bound(rules_.begin(), rules_.end(), method,
                                [](const MethodRule& rule, const MethodId& wanted) { return rule.method < wanted; });
  return found == rules_.end() || found->method != method ? nullptr : &*found;
}

}  // namespace h5cap
