// What every object that is served has in common: it is called through wrappers, and knows what it is.
#pragma once

#include <capnp/capability.h>
#include <h5cap/objects.capnp.h>
#include <h5cap/service.capnp.h>

#include <string>

#include "server/base/guarded.h"
#include "server/session/handed-out.h"

namespace h5cap {

// What an interface over nodes is for, "a dataset"; null for any other interface.
const char* nodeInterfaceName(std::uint64_t interfaceId);

// The server of one interface.  Calls of another node interface than the object's raise badType: a caller that
// pipelines casts the node before it knows what it is.
template <class Interface>
class Served : public Interface::Server, public ServedObject {
 public:
  explicit Served(HandingOut) {}

  capnp::Capability::Server::DispatchCallResult begin(
      const Asking& asking, MethodId method, capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) final {
    const char* wanted = nodeInterfaceName(method.interfaceId);
    if (wanted != nullptr && !implements(method.interfaceId))
      raiseKj(ErrorCode::badType, whatItIs() + ", not " + wanted);
    asking_ = &asking;
    KJ_DEFER(asking_ = nullptr);
    return Interface::Server::dispatchCall(method.interfaceId, method.ordinal, context);
  }

  std::size_t keptBytes() const override { return 0; }

 protected:
  // Who calls.  For a method to ask before it returns; what it gets is good until the call has ended.  Failed when
  // nobody does.
  const Asking& asking() const {
    if (asking_ == nullptr) raiseKj(ErrorCode::failed, name() + ": nobody calls");
    return *asking_;
  }

  // Of the node interfaces.
  virtual bool implements(std::uint64_t) const { return false; }
  virtual std::string whatItIs() const { return name() + " is no node"; }  // "scan.nxs: /entry is a group"

 private:
  const Asking* asking_ = nullptr;
};

}  // namespace h5cap
