// The one wrapper around everything that a connection is given: what may be called, by whom, and what it costs.
//
// An object of ours never meets a caller itself.  What a caller holds is a wrapper of the object, made for one caller
// and with one grant.  It lets the methods through that MethodTable lists and the grant covers, refuses over budget,
// waits for turns, and counts: all of the connection that calls.  What a call gives out is wrapped for that caller
// again, whosever session the object is of; so what a tool or a relay does through a capability that came from another
// connection is its own.
//
// It is a server in front of a server, not a hook of Cap'n Proto's around a capability: so a turn is given back when
// the call has ended, also one that was given up and runs on for calls that are pipelined on it.
#pragma once

#include <capnp/capability.h>

#include <memory>
#include <string>

#include "server/session/server-context.h"

namespace h5cap {

// By whom and by what right an object is called.  Good until the call has ended.
struct Asking {
  Caller& caller;
  const Grant& grant;
};

// An object behind wrappers.
class ServedObject {
 public:
  virtual ~ServedObject() noexcept(false) = default;

  // Begins a call that is allowed.
  virtual capnp::Capability::Server::DispatchCallResult begin(
      const Asking& asking, MethodId method, capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) = 0;

  // For messages: "raw/scan.nxs: /entry/data".
  virtual std::string name() const = 0;

  // Of what it keeps beside itself, and does not share.
  virtual std::size_t keptBytes() const = 0;
};

// Shows that an object is made to be wrapped: only `handOut` has one.
class HandingOut {
 private:
  HandingOut() = default;
  template <class Object, class... Parameters>
  friend typename Object::Serves::Client handOut(Caller& caller, Grant grant, Parameters&&... parameters);
};

// A capability for `caller` over what `object` serves.  Throws kj::Exception: busy when they hold too much.
capnp::Capability::Client wrap(Caller& caller, Grant grant, std::shared_ptr<ServedObject> object,
                               std::size_t objectBytes);

// Makes an object of class `Object`, and a capability over it for `caller`.  Throws kj::Exception: busy when they hold
// too much.
template <class Object, class... Parameters>
typename Object::Serves::Client handOut(Caller& caller, Grant grant, Parameters&&... parameters) {
  auto object = std::make_shared<Object>(HandingOut(), std::forward<Parameters>(parameters)...);
  return wrap(caller, std::move(grant), kj::mv(object), sizeof(Object)).template castAs<typename Object::Serves>();
}

// The object that a capability of this server's is over, for another caller to call, with the same grant.  Calls
// through the result fail with Denied when the capability is none of this server's, and with Busy when the caller holds
// too much.
capnp::Capability::Client handOn(capnp::Capability::Client capability, Caller& caller);

}  // namespace h5cap
